//! An explanation drawn for a terminal of a given width, with colours or without.

use std::ops::Range;

use anstyle::{AnsiColor, Effects, Style};
use textwrap::WordSeparator;
use textwrap::core::{Word, break_words};
use textwrap::wrap_algorithms::wrap_first_fit;
use unicode_width::UnicodeWidthStr;

use super::View;
use super::account::{Account, Line, signed, total};
use super::marks::{self, DEGREES, Mark, visible};
use crate::text::Text;

/// Bars get no wider than this, in columns.
const WIDEST_BAR: usize = 60;
/// Narrower terminals are drawn for as if they had this many columns.
const NARROWEST: usize = 40;
/// Terms marked in the ad at least, strongest first.
const MARKED: usize = 30;
/// From this width on, the evidence names its kind.
const KINDS_FROM: usize = 72;

/// What is drawn on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terminal {
    /// Columns.
    pub width: usize,
    /// Whether escape sequences for colours may be used.
    pub colours: bool,
}

/// One colour per label, in the model's order: the terminal's own, so that they suit its
/// background; dark blue comes late, for few can read it on black.
fn style_of(label: usize) -> Style {
    const COLOURS: [AnsiColor; 12] = [
        AnsiColor::Cyan,
        AnsiColor::Green,
        AnsiColor::Magenta,
        AnsiColor::Yellow,
        AnsiColor::Red,
        AnsiColor::Blue,
        AnsiColor::BrightCyan,
        AnsiColor::BrightGreen,
        AnsiColor::BrightMagenta,
        AnsiColor::BrightYellow,
        AnsiColor::BrightRed,
        AnsiColor::BrightBlue,
    ];
    COLOURS[label % COLOURS.len()].on_default()
}

/// A label's colour at one of the [`DEGREES`]: plain, bold, inverse.
fn style_at(label: usize, degree: usize) -> Style {
    let effects = match degree {
        1 => Effects::UNDERLINE,
        2 => Effects::BOLD | Effects::UNDERLINE,
        _ => Effects::BOLD | Effects::INVERT,
    };
    style_of(label).effects(effects)
}

impl Terminal {
    fn paint(self, style: Style, text: &str) -> String {
        if self.colours && !text.is_empty() {
            format!("{style}{text}{style:#}")
        } else {
            text.to_owned()
        }
    }

    fn columns(self) -> usize {
        self.width.max(NARROWEST)
    }

    /// Verdict, probabilities and evidence.
    #[must_use]
    pub fn verdict(self, view: &View) -> String {
        let mut out = self.headline(view);
        for remark in view.remarks() {
            for line in self.wrapped(&visible(&remark)) {
                out.push_str(&format!("  {line}\n"));
            }
        }
        out.push('\n');
        out.push_str(&self.probabilities(view));
        out.push_str(&self.evidence(view));
        out
    }

    fn headline(self, view: &View) -> String {
        let bold = Style::new().bold();
        let Some(label) = view.prediction().label else {
            let refusal = view.refusal();
            let line =
                format!("no label: {refusal}; the probabilities below are not to be trusted");
            let head = self.paint(bold, "no label");
            return self
                .wrapped(&line)
                .join("\n")
                .replacen("no label", &head, 1)
                + "\n";
        };
        let name = self.paint(style_of(label).bold(), view.name(label));
        let percent = view.prediction().confidence() * 100.0;
        format!("{name} – {}, {percent:.0} %\n", view.manner())
    }

    fn probabilities(self, view: &View) -> String {
        let labels = view.classifier.labels();
        let names = labels.iter().map(|l| l.width()).max().unwrap_or(0);
        let room = self.columns().saturating_sub(names + 13).min(WIDEST_BAR);
        let mut out = String::new();
        for label in view.prediction().ranking() {
            let p = view.prediction().probabilities[label];
            let line = format!(
                "  {}  {:5.1} %  {}",
                padded(view.name(label), names),
                p * 100.0,
                self.paint(style_of(label), &bar(p * room as f64))
            );
            out.push_str(line.trim_end());
            out.push('\n');
        }
        out
    }

    fn evidence(self, view: &View) -> String {
        let account = Account::new(view.explanation, view.label(), view.terms);
        let chart = Chart::new(self, view, &account);
        let name = view.name(account.label);
        let (terms, others): (Vec<&Line>, Vec<&Line>) =
            account.lines.iter().partition(|l| l.is_term());
        let (favour, against): (Vec<&Line>, Vec<&Line>) = terms
            .into_iter()
            .partition(|l| l.evidence.in_favour(account.label) > 0.0);
        let mut out = String::new();
        for (head, side) in [("for", favour), ("against", against)] {
            if !side.is_empty() {
                let head = self.paint(Style::new().bold(), &format!("{head} {name}"));
                out.push_str(&format!("\n  {head}\n"));
                out.extend(side.iter().map(|l| chart.line(l)));
            }
        }
        out.push('\n');
        out.extend(others.iter().map(|l| chart.line(l)));
        let name = shortened(name, self.columns() / 3);
        out.push_str(&format!(
            "  {:>6}  the sum: {name}’s score\n",
            signed(account.total)
        ));
        if let Some(&next) = view.prediction().ranking().get(1) {
            let score = signed(total(view.explanation, next));
            let next = shortened(view.name(next), self.columns() / 3);
            let line = format!("  {score:>6}  that of {next}, the next");
            out.push_str(&format!("{}\n", self.paint(Style::new().dimmed(), &line)));
        }
        out
    }

    /// A legend, and the ad with the words that decided marked in it.
    #[must_use]
    pub fn highlighted(self, view: &View) -> String {
        let text = Text::new(view.posting.description);
        let evidence = view.explanation.strongest(view.terms.max(MARKED));
        let marks = marks::marks(&evidence, &text);
        let shown = self.marked(view, text.as_str().trim_end(), &marks);
        let mut out = self.legend(view);
        out.push('\n');
        let mut blank = true;
        let mut at = 0;
        for line in shown.text.split('\n') {
            let is_blank = line.trim().is_empty();
            if !(is_blank && blank) {
                for row in self.rows(line) {
                    let row = self.styled(&shown, at + row.start..at + row.end);
                    out.push_str(format!("  {row}").trim_end());
                    out.push('\n');
                }
            }
            blank = is_blank;
            at += line.len() + 1;
        }
        out
    }

    fn legend(self, view: &View) -> String {
        if self.colours {
            let labels = view.classifier.labels().iter().enumerate();
            let mut words: Vec<(&str, Style)> = labels
                .map(|(label, name)| (name.as_str(), style_of(label).bold()))
                .collect();
            let degrees = ["a little", "more", "most"];
            words.extend(
                (1..)
                    .zip(degrees)
                    .map(|(d, word)| (word, style_at(view.label(), d))),
            );
            return self.in_rows(&words);
        }
        let name = view.name(view.label());
        let line = format!("[word]({name} 1) speaks for {name} a little, 2 more, {DEGREES} most");
        self.wrapped(&line)
            .iter()
            .map(|l| format!("  {l}\n"))
            .collect()
    }

    /// Words in their styles, in as many rows as they need.
    fn in_rows(self, words: &[(&str, Style)]) -> String {
        let (mut out, mut at) = (String::new(), 0);
        for (word, style) in words {
            if at > 0 && at + 2 + word.width() > self.columns() {
                out.push('\n');
                at = 0;
            }
            out.push_str(&format!("  {}", self.paint(*style, word)));
            at += 2 + word.width();
        }
        out + "\n"
    }

    /// The visible text with its marks: as styles, or spelled out where there are no colours.
    fn marked(self, view: &View, text: &str, marks: &[Mark]) -> Shown {
        let mut shown = Shown::default();
        let mut at = 0;
        for mark in marks.iter().filter(|m| m.span.end <= text.len()) {
            shown.push(&text[at..mark.span.start]);
            let start = shown.text.len();
            if self.colours {
                shown.push(&text[mark.span.clone()]);
                let style = style_at(mark.label, mark.degree);
                shown.styles.push((start..shown.text.len(), style));
            } else {
                let (name, degree) = (view.name(mark.label), mark.degree);
                shown.push("[");
                shown.push(&text[mark.span.clone()]);
                shown.push(&format!("]({name}\u{a0}{degree})"));
            }
            at = mark.span.end;
        }
        shown.push(&text[at..]);
        shown
    }

    /// A stretch of the text with its styles.
    fn styled(self, shown: &Shown, row: Range<usize>) -> String {
        let mut out = String::new();
        let mut at = row.start;
        let begin = shown.styles.partition_point(|(s, _)| s.end <= row.start);
        for (span, style) in &shown.styles[begin..] {
            if span.start >= row.end {
                break;
            }
            let (start, end) = (span.start.max(row.start), span.end.min(row.end));
            out.push_str(&shown.text[at..start]);
            out.push_str(&self.paint(*style, &shown.text[start..end]));
            at = end;
        }
        out + &shown.text[at..row.end]
    }

    /// One line cut into rows that fit.
    fn wrapped(self, line: &str) -> Vec<&str> {
        self.rows(line).into_iter().map(|row| &line[row]).collect()
    }

    /// The bytes of the rows that one line is cut into, at the places where Unicode allows a
    /// break (UAX 14).
    fn rows(self, line: &str) -> Vec<Range<usize>> {
        let width = self.columns() - 2;
        let words: Vec<Word> = WordSeparator::UnicodeBreakProperties
            .find_words(line)
            .collect();
        let words = break_words(words, width);
        let mut at = 0;
        let rows = wrap_first_fit(&words, &[width as f64]);
        let row = |row: &[Word]| {
            let start = at;
            at += row
                .iter()
                .map(|w| w.word.len() + w.whitespace.len())
                .sum::<usize>();
            start..start + line[start..at].trim_end().len()
        };
        rows.into_iter().map(row).collect()
    }
}

/// Text as it is shown, and the styles of its stretches, in order.
#[derive(Default)]
struct Shown {
    text: String,
    styles: Vec<(Range<usize>, Style)>,
}

impl Shown {
    fn push(&mut self, text: &str) {
        self.text.push_str(&visible(text).replace('\t', "    "));
    }
}

/// The signed chart: one scale, its zero at the same column in every line. Bias and rest
/// are given as numbers: their bars would dwarf those of single terms.
struct Chart<'a> {
    terminal: Terminal,
    view: &'a View<'a>,
    label: usize,
    term: usize,
    left: usize,
    right: usize,
    columns_per_hundredth: f64,
}

impl<'a> Chart<'a> {
    fn new(terminal: Terminal, view: &'a View<'a>, account: &Account) -> Self {
        let most =
            |size: &dyn Fn(&Line) -> usize| account.lines.iter().map(size).max().unwrap_or(0);
        let mut chart = Self {
            terminal,
            view,
            label: account.label,
            term: 0,
            left: 0,
            right: 0,
            columns_per_hundredth: 0.0,
        };
        let note = most(&|l| chart.note(l).width());
        let free = terminal
            .columns()
            .saturating_sub(2 + 6 + 2 + 2 + 2 + 3 + note);
        let widest = most(&|l| line_name(l).width());
        chart.term = widest.min(free * 3 / 5);
        let room = free.saturating_sub(chart.term).min(WIDEST_BAR);
        let size = |sign: i64| {
            let terms = account.lines.iter().filter(|l| l.is_term());
            let sizes = terms.map(|l| (l.hundredths * sign).max(0));
            sizes.max().unwrap_or(0) as f64
        };
        let (favour, against) = (size(1), size(-1));
        chart.columns_per_hundredth = room as f64 / (favour + against).max(1.0);
        chart.left = (against * chart.columns_per_hundredth).ceil() as usize;
        chart.right = (favour * chart.columns_per_hundredth).ceil() as usize;
        chart
    }

    fn note(&self, line: &Line) -> String {
        if !line.is_term() {
            return String::new();
        }
        let mut words = Vec::new();
        if self.terminal.columns() >= KINDS_FROM {
            words.push(line.evidence.kind.as_str().to_owned());
        }
        if line.evidence.spans.len() > 1 {
            words.push(format!("×{}", line.evidence.spans.len()));
        }
        if line.evidence.leaning() != self.label {
            words.push(format!("→ {}", self.view.name(line.evidence.leaning())));
        }
        words.join(" ")
    }

    fn line(&self, line: &Line) -> String {
        let style = match line.evidence.in_favour(self.label) {
            _ if !line.is_term() => Style::new().dimmed(),
            f if f > 0.0 => style_of(self.label),
            _ => style_of(line.evidence.leaning()),
        };
        let pad = " ".repeat(self.term.saturating_sub(line_name(line).width()));
        let name = shortened(&line_name(line), self.term);
        if !line.is_term() {
            let text = format!("{:>6}  {name}", signed(line.hundredths));
            return format!("  {}\n", self.terminal.paint(style, &text));
        }
        let length = line.hundredths as f64 * self.columns_per_hundredth;
        let (left, right) = if length < 0.0 {
            (left_bar(-length), String::new())
        } else {
            (String::new(), bar(length))
        };
        let text = format!(
            "  {:>6}  {}{pad}  {}{}│{}  {}",
            signed(line.hundredths),
            self.terminal.paint(style, &name),
            " ".repeat(self.left.saturating_sub(left.width())),
            self.terminal.paint(style, &left),
            self.terminal.paint(style, &right)
                + &" ".repeat(self.right.saturating_sub(right.width())),
            self.note(line)
        );
        text.trim_end().to_owned() + "\n"
    }
}

/// What a line is called.
fn line_name(line: &Line) -> String {
    visible(&line.name())
}

/// A bar that grows to the right, to an eighth of a column.
pub(crate) fn bar(columns: f64) -> String {
    const PARTS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];
    let eighths = (columns * 8.0).round() as usize;
    "█".repeat(eighths / 8) + PARTS[eighths % 8]
}

/// A bar that grows to the left, to half a column: there are no finer characters.
fn left_bar(columns: f64) -> String {
    let halves = (columns * 2.0).round() as usize;
    let part = if halves % 2 == 1 { "▐" } else { "" };
    part.to_owned() + &"█".repeat(halves / 2)
}

fn padded(text: &str, width: usize) -> String {
    text.to_owned() + &" ".repeat(width.saturating_sub(text.width()))
}

/// The text, cut to a width with an ellipsis where it is longer.
pub(super) fn shortened(text: &str, width: usize) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let mut cut = String::new();
    for c in text.chars() {
        cut.push(c);
        if cut.width() + 1 > width {
            cut.pop();
            break;
        }
    }
    cut + "…"
}
