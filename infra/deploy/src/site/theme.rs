//! The organization's color and logo as the style sheet `/settings.css`.
//!
//! Any color stays readable: it is darkened or lightened until text in it and on it has the contrast that WCAG 2.2
//! requires (1.4.3, 1.4.11).

use super::settings::SiteSettings;
use std::fmt::Write;

/// Red, green, and blue, 0 to 1.
type Color = [f64; 3];

const WHITE: Color = [1.0, 1.0, 1.0];
const BLACK: Color = [0.0, 0.0, 0.0];
/// `--surface` of the dark scheme, also the text color on light elements there.
const DARK_SURFACE: Color = [0.094, 0.133, 0.173];
/// WCAG requires 4.5:1. The margin is for text on tinted backgrounds.
const MIN_CONTRAST: f64 = 6.0;

/// `settings` is `/settings.json`.
#[must_use]
pub fn stylesheet(settings: &str) -> String {
    let settings = SiteSettings::parse(settings);
    let mut sheet = String::new();
    // Writing to a String cannot fail.
    if let Some(color) = parse(&settings.brand_color) {
        let _ = write!(
            sheet,
            ":root {{{}}}\n@media (prefers-color-scheme: dark) {{ :root {{{}}} }}\n",
            light(color),
            dark(color)
        );
    }
    if !settings.logo.is_empty() {
        let _ = writeln!(sheet, ":root {{ --logo: url(\"{}\"); }}", settings.logo);
    }
    sheet
}

fn light(color: Color) -> String {
    let brand = readable(color, WHITE, BLACK);
    declarations(&[
        ("brand", brand),
        ("brand-edge", mix(brand, WHITE, 0.45)),
        ("action", brand),
        ("action-strong", mix(brand, BLACK, 0.3)),
        ("link", brand),
        ("notice", brand),
        ("notice-paper", mix(brand, WHITE, 0.91)),
    ])
}

fn dark(color: Color) -> String {
    let action = readable(color, DARK_SURFACE, WHITE);
    declarations(&[
        ("brand", mix(readable(color, WHITE, BLACK), BLACK, 0.35)),
        ("brand-edge", mix(action, BLACK, 0.3)),
        ("action", action),
        ("action-strong", mix(action, WHITE, 0.4)),
        ("on-action", mix(DARK_SURFACE, BLACK, 0.4)),
        ("link", action),
        ("notice", action),
        ("notice-paper", mix(action, DARK_SURFACE, 0.91)),
    ])
}

fn declarations(tokens: &[(&str, Color)]) -> String {
    tokens.iter().fold(" ".into(), |mut list, (name, color)| {
        let [red, green, blue] = color.map(|part| (part * 255.0).round());
        let _ = write!(list, "--{name}: rgb({red} {green} {blue}); ");
        list
    })
}

/// `#rrggbb`.
fn parse(color: &str) -> Option<Color> {
    let digits = color.strip_prefix('#').filter(|digits| digits.len() == 6 && digits.is_ascii())?;
    let part = |at: usize| Some(f64::from(u8::from_str_radix(&digits[at..at + 2], 16).ok()?) / 255.0);
    Some([part(0)?, part(2)?, part(4)?])
}

/// Moves the color towards another until its contrast with the background suffices.
fn readable(color: Color, background: Color, towards: Color) -> Color {
    let steps = (0..=20).map(|step| mix(color, towards, f64::from(step) / 20.0));
    steps.into_iter().find(|it| contrast(*it, background) >= MIN_CONTRAST).unwrap_or(towards)
}

fn mix(one: Color, other: Color, share: f64) -> Color {
    std::array::from_fn(|part| one[part].mul_add(1.0 - share, other[part] * share))
}

/// WCAG 2.2, *contrast ratio*.
fn contrast(one: Color, other: Color) -> f64 {
    let (one, other) = (luminance(one), luminance(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

/// WCAG 2.2, *relative luminance*.
fn luminance(color: Color) -> f64 {
    let [red, green, blue] =
        color.map(|part| if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) });
    0.2126 * red + 0.7152 * green + 0.0722 * blue
}

#[cfg(test)]
mod tests {
    use super::{Color, WHITE, contrast, stylesheet};
    use std::collections::HashMap;

    fn tokens(part: &str) -> HashMap<String, Color> {
        let declarations = part.split("--").skip(1).filter_map(|it| it.split_once(": rgb("));
        let color = |list: &str| {
            let parts: Vec<f64> = list.split([' ', ')']).take(3).map(|it| it.parse::<f64>().unwrap() / 255.0).collect();
            [parts[0], parts[1], parts[2]]
        };
        declarations.map(|(name, rest)| (name.to_owned(), color(rest))).collect()
    }

    #[test]
    fn theme_keeps_wcag_contrast_for_any_color() {
        let parts = (0..=255).step_by(17);
        let colors =
            parts.clone().flat_map(|r| parts.clone().flat_map(move |g| (0..=255).step_by(17).map(move |b| (r, g, b))));
        for (red, green, blue) in colors {
            let sheet = stylesheet(&format!("{{\"brandColor\": \"#{red:02x}{green:02x}{blue:02x}\"}}"));
            let (light, dark) = sheet.split_once("@media").unwrap();
            let (light, dark) = (tokens(light), tokens(dark));
            let surface = [24.0, 34.0, 44.0].map(|part| part / 255.0);
            let [paper, dark_paper] =
                [[243.0, 245.0, 247.0], [16.0, 23.0, 30.0]].map(|it: Color| it.map(|part| part / 255.0));
            for (color, background) in [
                (light["link"], WHITE),
                (light["link"], paper),
                (light["link"], light["notice-paper"]),
                (WHITE, light["brand"]),
                (WHITE, light["action-strong"]),
                (dark["link"], surface),
                (dark["link"], dark_paper),
                (dark["link"], dark["notice-paper"]),
                (WHITE, dark["brand"]),
                (dark["on-action"], dark["action"]),
                (dark["on-action"], dark["action-strong"]),
            ] {
                assert!(contrast(color, background) >= 4.5, "{red} {green} {blue}: {color:?} on {background:?}");
            }
        }
    }

    #[test]
    fn theme_omits_unset_values() {
        assert_eq!(stylesheet("{\"brandColor\": \"\", \"logo\": \"\"}"), "");
        assert_eq!(stylesheet("{\"logo\": \"/images/logo.svg\"}"), ":root { --logo: url(\"/images/logo.svg\"); }\n");
    }
}
