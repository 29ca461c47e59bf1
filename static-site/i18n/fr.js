/**
 * Québec French: the texts of the scripts. The texts of the markup are in the markup. `{name}` is a placeholder; `\u00a0`
 * is the no-break space that the OQLF requires.
 */
export default {
  "language.other": "English",
  "error.title-prefix": "Erreur\u00a0: {title}",
  "send.busy": "Un instant…",

  "missing.account": "Entrez votre nom d'utilisateur.",
  "missing.password": "Entrez votre mot de passe.",
  "missing.new-password": "Entrez le nouveau mot de passe.",
  "missing.current": "Entrez votre mot de passe actuel.",
  "missing.confirmation": "Entrez le nouveau mot de passe une seconde fois.",
  "missing.token": "Collez le code ou le lien qui se trouve dans le courriel.",
  "missing.family_name": "Entrez le nom de famille.",
  "missing.given_name": "Entrez le prénom.",
  "missing.person": "Entrez soit le nom de famille et le prénom, soit l'adresse de courriel.",
  "find.name-or-email":
    "Cherchez soit par le nom, soit par le courriel, mais non par les deux à la fois. Videz les champs de trop.",

  "error.invalid-request": "Vérifiez ce que vous avez tapé, puis réessayez.",
  "error.invalid-account":
    "Vérifiez le nom d'utilisateur\u00a0: de 1 à 64 lettres sans accent, chiffres, points, tirets, soulignés ou @, sans espace.",
  "error.invalid-credentials": "Le nom d'utilisateur ou le mot de passe n'est pas le bon.",
  "error.invalid-current": "Ce n'est pas votre mot de passe actuel.",
  "error.confirmation-differs": "Les deux mots de passe ne sont pas identiques. Tapez le même dans les deux champs.",
  "error.network-not-managed":
    "La recherche n'est possible qu'à partir d'un poste de travail de l'organisation. Ailleurs, communiquez avec le Centre de services, qui trouvera votre nom d'utilisateur.",
  "error.cross-site": "La demande n'est pas partie de cette page. Rechargez la page, puis réessayez.",
  "error.too-large": "C'est trop long. Vérifiez ce que vous avez tapé, puis réessayez.",
  "error.unavailable": "Le service ne répond pas pour le moment. {kept}Réessayez {wait}.",
  "error.offline": "Impossible de joindre le service. {kept}Vérifiez votre connexion au réseau, puis réessayez.",
  "error.input-kept": "Ce que vous avez tapé est encore là. ",
  "error.unexpected":
    "Quelque chose d'imprévu s'est produit. Réessayez; si rien n'y fait, communiquez avec le Centre de services.",

  "rate-limited.sign-in": "Trop d'essais. Réessayez {wait}, ou demandez un lien par courriel.",
  "rate-limited.locked":
    "Trop d'essais. Pour entrer, demandez maintenant un lien par courriel\u00a0: il vous permettra de choisir un nouveau mot de passe.",
  "rate-limited.link-request":
    "Trop de demandes pour ce nom d'utilisateur. Les liens déjà reçus par courriel restent bons\u00a0: servez-vous-en. Sinon, réessayez {wait}.",
  "rate-limited.link-check": "Trop de liens essayés à partir de votre réseau. Réessayez {wait}.",
  "rate-limited.search": "Trop de recherches à partir de votre réseau. Réessayez {wait}.",
  "rate-limited.other": "Trop de demandes. Réessayez {wait}.",
  "rate-limited.request-link": "Demander un lien par courriel",

  "violation.too-short": "Le mot de passe est trop court. Choisissez-en un plus long.",
  "violation.too-long": "Le mot de passe est trop long. Choisissez-en un plus court.",
  "violation.needs-letter": "Le mot de passe doit contenir au moins une lettre.",
  "violation.needs-digit": "Le mot de passe doit contenir au moins un chiffre.",
  "violation.too-common": "Ce mot de passe est trop courant, donc facile à deviner. Choisissez-en un autre.",
  "violation.contains-account": "Le mot de passe ne doit pas contenir votre nom d'utilisateur.",
  "violation.contains-name": "Le mot de passe ne doit contenir ni votre prénom ni votre nom de famille.",
  "violation.other": "Ce mot de passe ne convient pas. Choisissez-en un autre.",

  "rule.length": "De {min_length} à {max_length} caractères",
  "rule.min-length": "Au moins {min_length} caractères",
  "rule.letter": "Au moins une lettre",
  "rule.digit": "Au moins un chiffre",
  "rule.account": "Sans votre nom d'utilisateur",
  "rule.server-checked": "Sans votre prénom ni votre nom, et pas trop courant (vérifié à l'envoi)",
  "rule.met": "\u00a0: respecté",
  "rule.unmet": "\u00a0: pas encore respecté",

  "caps-lock": "Le verrouillage des majuscules est activé.",
  "reveal.show": "Afficher",
  "reveal.hide": "Masquer",
  "reveal.label": "{action}\u00a0: {label}",

  "flash.password-set": "Votre mot de passe est changé. Connectez-vous maintenant avec le nouveau.",
  "flash.account-found": "Voici votre nom d'utilisateur. Entrez maintenant votre mot de passe.",
  "flash.sign-in-first": "Connectez-vous pour continuer. Une session inutilisée prend fin d'elle-même.",
  "flash.signed-out": "Votre session est terminée. À\u00a0bientôt!",

  "found.none": "Aucun compte trouvé. Vérifiez ce que vous avez tapé, ou communiquez avec le Centre de services.",
  "found.one": "1 compte trouvé",
  "found.many": "{count} comptes trouvés",
  "found.most": "Les {count} premiers comptes trouvés",

  "requested.again-at": "Si rien n'est arrivé à\u00a0{hour}, vous pourrez envoyer la demande de nouveau d'ici.",
  "requested.sent-again": "La demande est repartie. Vous pourrez l'envoyer encore à partir de {hour}.",

  "link.valid-until": "Ce lien est valide jusqu'{moment}.",
  "session.device-unknown": "Appareil inconnu",
  "session.ended": "La session est terminée.",
  "session.others-ended": "Toutes les autres sessions sont terminées.",
  "password.changed": "Votre mot de passe est changé, et vos autres sessions sont terminées.",

  "event.link-requested": "Lien demandé",
  "event.link-mailed": "Lien envoyé par courriel",
  "event.password-set": "Mot de passe choisi par un lien reçu",
  "event.password-changed": "Mot de passe changé",
  "event.signed-in": "Connexion",
  "event.sign-in-refused": "Connexion refusée",
  "event.signed-out": "Déconnexion",
  "event.sessions-ended": "Sessions terminées",
  "event.other": "Autre activité",
  "network.managed": "Réseau de l'organisation",
  "network.outside": "Hors du réseau de l'organisation",

  "time.today": "aujourd'hui à\u00a0{hour}",
  "time.yesterday": "hier à\u00a0{hour}",
  "time.date": "le {date} à\u00a0{hour}",
  "time.until-today": "à\u00a0{hour}",
  "time.until-date": "au {date} à\u00a0{hour}",
  "wait.unknown": "dans quelques instants",
  "wait.moment": "dans une minute",
  "wait.for": "dans {duration}",
};
