//! The frame of every page: style, script, and a policy that lets nothing else in.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use sha2::{Digest, Sha256};

use super::plots;

const STYLE: &str = include_str!("style.css");
const SCRIPT: &str = include_str!("script.js");

/// Label colours on light and on dark paper, told apart by readers with any colour vision
/// as well as eight can be.
const COLOURS: [(&str, &str); 8] = [
    ("#1f5fbf", "#7db3ff"),
    ("#1a7f37", "#66d08a"),
    ("#8e3fae", "#d59cf5"),
    ("#9a5b00", "#f0b355"),
    ("#0b7a80", "#5fd0d6"),
    ("#b8322a", "#ff8f85"),
    ("#b0247e", "#ff8ad0"),
    ("#5f6b00", "#c3cf5c"),
];

/// A label's colours on light and on dark paper; past eight, hues a golden angle apart.
pub fn colours(label: usize) -> (String, String) {
    if let Some((light, dark)) = COLOURS.get(label) {
        ((*light).to_owned(), (*dark).to_owned())
    } else {
        let hue = label * 137 % 360;
        (format!("hsl({hue} 60% 34%)"), format!("hsl({hue} 70% 72%)"))
    }
}

/// A whole page about labels; `scripted` where terms answer to hovering and focus.
pub fn page(title: &str, n_labels: usize, scripted: bool, body: &Markup) -> String {
    let style = style(n_labels);
    let script = if scripted {
        format!("; script-src '{}'", source_hash(SCRIPT))
    } else {
        String::new()
    };
    let policy = format!(
        "default-src 'none'; style-src '{}'{script}; base-uri 'none'; form-action 'none'",
        source_hash(&style)
    );
    let page = html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta http-equiv="Content-Security-Policy" content=(policy);
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="referrer" content="no-referrer";
                title { (title) }
                style { (PreEscaped(&style)) }
            }
            body {
                main { (body) }
                @if scripted {
                    div id="detail" role="status" {}
                    script { (PreEscaped(SCRIPT)) }
                }
            }
        }
    };
    page.into_string()
}

/// The style sheet with one colour class per label.
fn style(n_labels: usize) -> String {
    let (mut classes, mut light, mut dark) = (String::new(), String::new(), String::new());
    for label in 0..n_labels {
        let (on_light, on_dark) = colours(label);
        light.push_str(&format!("--l{label}:{on_light};"));
        dark.push_str(&format!("--l{label}:{on_dark};"));
        classes.push_str(&format!(".l{label}{{--c:var(--l{label})}}\n"));
    }
    format!(
        "{STYLE}:root{{{light}}}\n@media(prefers-color-scheme:dark){{:root{{{dark}}}}}\n{classes}{}",
        plots::ink_rules(n_labels)
    )
}

/// How a content security policy names an inline style or script.
fn source_hash(source: &str) -> String {
    format!("sha256-{}", base64(&Sha256::digest(source)))
}

/// RFC 4648, with padding.
fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |bytes: &[u8]| -> String {
        let number = (0..3).fold(0, |n, i| n << 8 | usize::from(*bytes.get(i).unwrap_or(&0)));
        let digit = |i: usize| match i {
            _ if i > bytes.len() => '=',
            _ => char::from(DIGITS[number >> (18 - 6 * i) & 63]),
        };
        (0..4).map(digit).collect()
    };
    bytes.chunks(3).map(group).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_agrees_with_the_vectors_of_the_rfc() {
        let vectors = ["", "f", "fo", "foo", "foob", "fooba", "foobar"];
        let encoded = vectors.map(|v| base64(v.as_bytes()));
        let expected = [
            "", "Zg==", "Zm8=", "Zm9v", "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy",
        ];
        assert_eq!(encoded, expected);
    }

    #[test]
    fn titles_and_bodies_are_escaped() {
        let page = page("</title><script>", 2, false, &html! { "<b>&" });
        assert!(page.contains("<title>&lt;/title&gt;&lt;script&gt;</title>"));
        assert!(page.contains("&lt;b&gt;&amp;") && !page.contains("<script"));
    }
}
