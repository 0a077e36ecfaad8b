//! Vector plots, drawn with inks that a style sheet turns into the reader's colours.
//!
//! A plot names its colours by number: `#010101` is the ink of text, `#0A0003` the
//! colour of the label with index 3. The page's style sheet – or, in a figure that stands
//! alone, a sheet inside it – says what they look like on light and on dark paper.

use std::ops::Range;

use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use unicode_width::UnicodeWidthStr;

use super::page::colours;
use super::terminal::shortened;

const INK: RGBColor = RGBColor(1, 1, 1);
const DIM: RGBColor = RGBColor(2, 2, 2);
const GRID: RGBColor = RGBColor(3, 3, 3);

const WIDTH: u32 = 640;
const HEIGHT: u32 = 340;

/// Why drawing cannot go wrong.
const IN_MEMORY: &str = "a picture in memory can be drawn";

/// The ink of a label, or of the n-th of several things compared.
pub fn ink(label: usize) -> RGBColor {
    RGBColor(10, 0, label as u8)
}

/// A number of things that fit into a picture.
fn pixels(n: usize) -> i32 {
    i16::try_from(n).unwrap_or(i16::MAX).into()
}

type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

/// One axis.
pub struct Axis<'a> {
    pub name: &'a str,
    pub range: Range<f64>,
    pub label: &'a dyn Fn(f64) -> String,
}

/// An axis of shares from 0 to 1.
pub fn share_axis(name: &str) -> Axis<'_> {
    Axis {
        name,
        range: 0.0..1.0,
        label: &|x| format!("{:.0} %", x * 100.0),
    }
}

/// One curve, with an interval at each point where there are any.
pub struct Curve {
    pub name: String,
    pub ink: RGBColor,
    pub points: Vec<(f64, f64)>,
    pub intervals: Vec<(f64, f64)>,
}

/// Bars of one colour, one per group: value, low and high end of its interval.
pub struct Bars {
    pub name: String,
    pub ink: RGBColor,
    pub values: Vec<(f64, f64, f64)>,
}

/// Lines over a numeric axis; `diagonal` adds the line on which y equals x.
pub fn curves(title: &str, x: &Axis, y: &Axis, curves: &[Curve], diagonal: bool) -> String {
    draw(title, (WIDTH, HEIGHT), |area| {
        let names: Vec<(&str, RGBColor)> =
            curves.iter().map(|c| (c.name.as_str(), c.ink)).collect();
        let mut chart = framed(area, &names, x, y);
        if diagonal {
            let line = [(x.range.start, x.range.start), (x.range.end, x.range.end)];
            let line = std::iter::once(PathElement::new(line, DIM.stroke_width(1)));
            chart.draw_series(line).expect(IN_MEMORY);
        }
        for curve in curves {
            let style = curve.ink.stroke_width(2);
            let line = std::iter::once(PathElement::new(curve.points.clone(), style));
            chart.draw_series(line).expect(IN_MEMORY);
            let intervals = curve.points.iter().zip(&curve.intervals);
            let whiskers = intervals.map(|(p, i)| {
                PathElement::new([(p.0, i.0), (p.0, i.1)], curve.ink.stroke_width(1))
            });
            chart.draw_series(whiskers).expect(IN_MEMORY);
            if curve.points.len() <= 40 {
                let dots = curve
                    .points
                    .iter()
                    .map(|p| Circle::new(*p, 3, curve.ink.filled()));
                chart.draw_series(dots).expect(IN_MEMORY);
            }
        }
    })
}

/// Groups of bars side by side, with whiskers for the intervals.
pub fn bars(title: &str, y: &Axis, groups: &[String], bars: &[Bars]) -> String {
    draw(title, (WIDTH, HEIGHT), |area| {
        let names: Vec<(&str, RGBColor)> = bars.iter().map(|b| (b.name.as_str(), b.ink)).collect();
        let group = |x: f64| {
            let at = x.floor() as usize;
            if (x.fract() - 0.5).abs() < 0.01 {
                let room = 70 / groups.len().max(1);
                groups
                    .get(at)
                    .map_or(String::new(), |name| shortened(name, room))
            } else {
                String::new()
            }
        };
        let x = Axis {
            name: "",
            range: 0.0..groups.len() as f64,
            label: &group,
        };
        let mut chart = framed_at(area, &names, &x, y, groups.len() * 2 + 1);
        let width = 0.8 / bars.len().max(1) as f64;
        for (n, series) in bars.iter().enumerate() {
            for (group, (value, low, high)) in series.values.iter().enumerate() {
                let left = group as f64 + 0.1 + n as f64 * width;
                let middle = left + width * 0.46;
                let bar = Rectangle::new(
                    [(left, y.range.start), (left + width * 0.92, *value)],
                    series.ink.mix(0.75).filled(),
                );
                chart.draw_series([bar]).expect(IN_MEMORY);
                if high > low {
                    let whisker =
                        PathElement::new([(middle, *low), (middle, *high)], INK.stroke_width(2));
                    chart.draw_series([whisker]).expect(IN_MEMORY);
                }
            }
        }
    })
}

/// Counts in equal bins from 0 to 1, one layer upon the other.
pub fn histogram(title: &str, name: &str, layers: &[(String, RGBColor, Vec<u64>)]) -> String {
    let bins = layers.first().map_or(0, |l| l.2.len());
    let sum = |bin: usize, of: usize| layers[..of].iter().map(|l| l.2[bin]).sum::<u64>() as f64;
    let highest = (0..bins).map(|b| sum(b, layers.len())).fold(1.0, f64::max);
    draw(title, (WIDTH, HEIGHT), |area| {
        let names: Vec<(&str, RGBColor)> = layers.iter().map(|l| (l.0.as_str(), l.1)).collect();
        let y = Axis {
            name: "postings",
            range: 0.0..highest * 1.05,
            label: &|y| format!("{y:.0}"),
        };
        let mut chart = framed(area, &names, &share_axis(name), &y);
        for (n, layer) in layers.iter().enumerate() {
            let bar = |bin: usize| {
                let (left, right) = (bin as f64 / bins as f64, (bin as f64 + 0.92) / bins as f64);
                Rectangle::new(
                    [(left, sum(bin, n)), (right, sum(bin, n + 1))],
                    layer.1.mix(0.8).filled(),
                )
            };
            chart.draw_series((0..bins).map(bar)).expect(IN_MEMORY);
        }
    })
}

/// A table of numbers on coloured ground: `cells[row][column]` is a text, the depth of its
/// colour in [0, 1], and the colour.
pub fn matrix(
    title: &str,
    rows: (&str, &[String]),
    columns: (&str, &[String]),
    cells: &[Vec<(String, f64, RGBColor)>],
) -> String {
    let longest = pixels(rows.1.iter().map(|r| r.width()).max().unwrap_or(0));
    let left = (longest * 8 + 50).max(pixels(rows.0.width()) * 8 + 24);
    let (top, height) = (52, 34);
    let width = ((WIDTH.cast_signed() - left - 8) / pixels(columns.1.len().max(1))).clamp(1, 110);
    let size = (WIDTH, (top + height * pixels(rows.1.len()) + 8) as u32);
    draw(title, size, |area| {
        text(area, columns.0, (left, 14), HPos::Left, DIM);
        text(area, rows.0, (8, top - 14), HPos::Left, DIM);
        for (c, name) in (0..).zip(columns.1) {
            text(
                area,
                &shortened(name, width as usize / 8),
                (left + width * c + width / 2, top - 14),
                HPos::Center,
                INK,
            );
        }
        for ((r, name), cells) in (0..).zip(rows.1).zip(cells) {
            let y = top + height * r;
            text(area, name, (left - 10, y + height / 2), HPos::Right, INK);
            for (c, (value, depth, colour)) in (0..).zip(cells) {
                let x = left + width * c;
                let ground = colour.mix(depth.clamp(0.0, 1.0) * 0.6).filled();
                let frame = [(x + 1, y + 1), (x + width - 1, y + height - 1)];
                area.draw(&Rectangle::new(frame, ground)).expect(IN_MEMORY);
                text(
                    area,
                    value,
                    (x + width / 2, y + height / 2),
                    HPos::Center,
                    INK,
                );
            }
        }
    })
}

fn text(area: &Area, text: &str, at: (i32, i32), side: HPos, colour: RGBColor) {
    let style = ("sans-serif", 17)
        .into_font()
        .color(&colour)
        .pos(Pos::new(side, VPos::Center));
    area.draw_text(text, &style, at).expect(IN_MEMORY);
}

type Framed<'a, 'b> = ChartContext<
    'a,
    SVGBackend<'b>,
    Cartesian2d<plotters::coord::types::RangedCoordf64, plotters::coord::types::RangedCoordf64>,
>;

fn framed<'a, 'b>(
    area: &Area<'b>,
    names: &[(&str, RGBColor)],
    x: &Axis,
    y: &Axis,
) -> Framed<'a, 'b> {
    framed_at(area, names, x, y, 6)
}

/// Axes and a legend above them.
fn framed_at<'a, 'b>(
    area: &Area<'b>,
    names: &[(&str, RGBColor)],
    x: &Axis,
    y: &Axis,
    ticks: usize,
) -> Framed<'a, 'b> {
    let rows = legend(area, names);
    let below = if x.name.is_empty() { 28 } else { 46 };
    let mut chart = ChartBuilder::on(area)
        .margin(4)
        .margin_top(10 + 20 * rows)
        .margin_right(20)
        .x_label_area_size(below)
        .y_label_area_size(58)
        .build_cartesian_2d(x.range.clone(), y.range.clone())
        .expect(IN_MEMORY);
    chart
        .configure_mesh()
        .x_desc(x.name)
        .y_desc(y.name)
        .x_labels(ticks)
        .y_labels(6)
        .x_label_formatter(&|v| (x.label)(*v))
        .y_label_formatter(&|v| (y.label)(*v))
        .max_light_lines(0)
        .disable_x_mesh()
        .bold_line_style(GRID)
        .axis_style(DIM)
        .label_style(("sans-serif", 16).into_font().color(&INK))
        .axis_desc_style(("sans-serif", 16).into_font().color(&DIM))
        .draw()
        .expect(IN_MEMORY);
    chart
}

/// Draws squares with names beside them; the number of rows that they take.
fn legend(area: &Area, names: &[(&str, RGBColor)]) -> i32 {
    let (mut x, mut row) = (64, 0);
    for (name, colour) in names.iter().filter(|(name, _)| !name.is_empty()) {
        let name = shortened(name, 40);
        let width = 34 + 8 * pixels(name.width());
        if x > 64 && x + width > WIDTH.cast_signed() {
            (x, row) = (64, row + 1);
        }
        let y = 15 + 20 * row;
        let square = [(x, y - 6), (x + 12, y + 6)];
        area.draw(&Rectangle::new(square, colour.filled()))
            .expect(IN_MEMORY);
        text(area, &name, (x + 17, y), HPos::Left, INK);
        x += width;
    }
    row + 1
}

/// Runs a drawing, and names the picture for who cannot see it.
fn draw(title: &str, size: (u32, u32), drawing: impl FnOnce(&Area)) -> String {
    let mut svg = String::new();
    {
        let area = SVGBackend::with_string(&mut svg, size).into_drawing_area();
        drawing(&area);
        area.present().expect(IN_MEMORY);
    }
    let title = maud::html! { (title) }.into_string();
    svg.replacen(
        "<svg ",
        &format!("<svg role=\"img\" aria-label=\"{title}\" "),
        1,
    )
}

/// The rules that give the inks their colours.
pub fn ink_rules(n_labels: usize) -> String {
    let named = [(INK, "ink"), (DIM, "dim"), (GRID, "line")];
    let named = named.iter().map(|(ink, name)| (*ink, (*name).to_owned()));
    let labels = (0..n_labels).map(|l| (ink(l), format!("l{l}")));
    let rule = |(RGBColor(r, g, b), name): (RGBColor, String)| {
        let hex = format!("#{r:02X}{g:02X}{b:02X}");
        format!(
            "[fill=\"{hex}\"]{{fill:var(--{name})}}[stroke=\"{hex}\"]{{stroke:var(--{name})}}\n"
        )
    };
    named.chain(labels).map(rule).collect()
}

/// A plot as a file of its own: light and dark, on no ground.
pub fn standalone(svg: &str, n_labels: usize) -> String {
    let (mut light, mut dark) = (
        "--ink:#1c2024;--dim:#5a6370;--line:#d7dbe0;".to_owned(),
        "--ink:#e6e9ec;--dim:#a2abb5;--line:#363c44;".to_owned(),
    );
    for label in 0..n_labels {
        let (on_light, on_dark) = colours(label);
        light.push_str(&format!("--l{label}:{on_light};"));
        dark.push_str(&format!("--l{label}:{on_dark};"));
    }
    let style = format!(
        "<style>svg{{{light}}}@media(prefers-color-scheme:dark){{svg{{{dark}}}}}\n{}</style>",
        ink_rules(n_labels)
    );
    match svg.find(">\n") {
        Some(at) => format!("{}{style}{}", &svg[..=at], &svg[at + 1..]),
        None => svg.to_owned(),
    }
}
