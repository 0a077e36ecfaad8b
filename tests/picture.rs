//! The README's picture is what the command prints. `UPDATE_PICTURE=1 cargo test --test picture`
//! draws it anew, after a change that is meant.
#![cfg(feature = "cli")]

use std::process::Command;

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

#[test]
fn the_picture_is_real() {
    let output = Command::new(env!("CARGO_BIN_EXE_rolecall"))
        .args(["classify", "--highlight", "tests/data/picture.txt"])
        .current_dir(ROOT)
        .env_remove("NO_COLOR")
        .env("CLICOLOR_FORCE", "1")
        .env("COLUMNS", "100")
        .output()
        .unwrap();
    let drawn = String::from_utf8(output.stdout).unwrap();
    let picture = anstyle_svg::Term::new().render_svg(&drawn);
    let path = format!("{ROOT}/models/figures/classify.svg");
    if std::env::var_os("UPDATE_PICTURE").is_some() {
        std::fs::create_dir_all(format!("{ROOT}/models/figures")).unwrap();
        std::fs::write(&path, &picture).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap();
    assert!(
        kept == picture,
        "run UPDATE_PICTURE=1 cargo test --test picture"
    );
}
