use super::settings::SiteSettings;
use crate::html::escape;

/// Writes the desk's name and telephone into a page, so that they need no script. `settings` is `/settings.json`.
#[must_use]
pub fn render_page(html: &str, settings: &str) -> String {
    let settings = SiteSettings::parse(settings);
    let (name, phone) = (escape(&settings.desk_name), escape(&settings.desk_phone));
    let mut page = html.to_owned();
    if !name.is_empty() {
        page = page.replace(">Centre de services</span>", &format!(">{name}</span>"));
    }
    if !phone.is_empty() {
        // The link has the number only; an extension after it (« poste 4242 ») is for the reader.
        let number = phone.chars().take_while(|one| one.is_ascii_digit() || "+-.() ".contains(*one));
        let number: String = number.filter(|one| one.is_ascii_digit() || *one == '+').collect();
        page = page.replace("<span data-desk-phone hidden>", "<span data-desk-phone>");
        page = page.replace("<a></a>", &format!("<a href=\"tel:{number}\">{phone}</a>"));
    }
    page
}

#[cfg(test)]
mod tests {
    use super::render_page;

    #[test]
    fn page_contains_desk_name_and_phone() {
        let html = include_str!("../../../../static-site/index.html");
        let settings = r#"{"deskName": "Soins & Cie", "deskPhone": "+1 (514) 555-0123, poste <4>"}"#;
        let page = render_page(html, settings);
        assert_eq!(page.matches(">Soins &amp; Cie</span>").count(), 2, "in the header and in the footer");
        assert!(!page.contains(">Centre de services</span>"));
        assert!(page.contains(
            "<span data-desk-phone>&nbsp;: <a href=\"tel:+15145550123\">+1 (514) 555-0123, poste &lt;4&gt;</a></span>"
        ));
        assert_eq!(render_page(html, r#"{"deskName": "", "deskPhone": ""}"#), html);
    }
}
