//! Lays the default model out as the tables that the program works with, so that opening
//! it takes no parsing: reads `models/default.model` with the library's own modules and
//! writes `default.tables`.

#![allow(dead_code, unused_imports, missing_docs)]

use std::path::Path;

/// What it takes to read a model.
#[path = "src"]
mod library {
    pub mod error;
    pub mod features;
    pub mod language;
    pub mod layout;
    pub mod model;
    pub mod names;
    pub mod skills;
    pub mod table;
    pub mod text;
    pub mod token;
}

// The modules name each other from the root of the crate.
use library::{error, features, language, layout, model, names, skills, table, text, token};

const MODEL: &str = "models/default.model";

fn main() {
    println!("cargo::rerun-if-changed={MODEL}");
    let out = std::env::var_os("OUT_DIR").expect("cargo sets OUT_DIR");
    let text = std::fs::read(MODEL).expect("the model is part of the package");
    let (model, id) = model::file::parse(&text, MODEL).unwrap_or_else(|e| panic!("{e}"));
    let tables = model::compiled::write(&model, &id);
    std::fs::write(Path::new(&out).join("default.tables"), tables).expect("OUT_DIR is writable");
}
