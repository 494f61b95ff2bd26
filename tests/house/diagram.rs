//! The diagram of the crates in the documents shows the edges that the manifests have.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

type Edges = BTreeSet<(String, String)>;

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// The crates of the workspace, each with the folder of its manifest.
fn crates() -> BTreeMap<String, String> {
    let folders = ["", "shared", "tests"].map(|folder| root().join(folder));
    let inside = folders.iter().flat_map(|folder| fs::read_dir(folder).unwrap()).map(|entry| entry.unwrap().path());
    let members = inside.filter(|path| path.join("Cargo.toml").exists() && !path.ends_with("fuzz"));
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    members.map(|path| (text(Path::new(path.file_name().unwrap())), text(&path))).collect()
}

/// `a & b --> c`, also inside a frame; a frame stands for all that it holds.
fn drawn(diagram: &str) -> Edges {
    let (mut frames, mut frame): (BTreeMap<&str, BTreeSet<&str>>, Option<&str>) = (BTreeMap::new(), None);
    let mut arrows = Vec::new();
    for line in diagram.lines().map(str::trim) {
        match line.split_once(' ') {
            Some(("subgraph", name)) => frame = Some(name),
            _ if line == "end" => frame = None,
            _ => {
                let (from, to) = line.split_once(" --> ").unwrap_or((line, ""));
                let (from, to): (Vec<_>, Vec<_>) = (from.split(" & ").collect(), to.split(" & ").collect());
                if let Some(frame) = frame {
                    let inside = frames.entry(frame).or_default();
                    inside.extend(from.iter().chain(&to).filter(|name| !name.is_empty()));
                }
                arrows.push((from, to));
            }
        }
    }
    let each = |name: &str| -> Vec<String> {
        frames.get(name).map_or_else(|| vec![name.into()], |inside| inside.iter().map(ToString::to_string).collect())
    };
    let mut edges = Edges::new();
    for (from, to) in arrows {
        for from in from.iter().flat_map(|name| each(name)) {
            for to in to.iter().filter(|name| !name.is_empty()).flat_map(|name| each(name)) {
                edges.insert((from.clone(), to));
            }
        }
    }
    edges
}

fn depended(crates: &BTreeMap<String, String>) -> Edges {
    let mut edges = Edges::new();
    for (name, folder) in crates {
        let manifest = fs::read_to_string(Path::new(folder).join("Cargo.toml")).unwrap();
        let used = manifest.lines().filter_map(|line| line.strip_suffix(".workspace = true"));
        edges.extend(used.filter(|used| crates.contains_key(*used)).map(|used| (name.clone(), used.to_owned())));
    }
    edges
}

#[test]
fn the_diagrams_of_the_crates_show_what_the_manifests_say() {
    let crates = crates();
    assert!(crates.len() > 12, "{crates:?}");
    for page in ["docs/map.md", "docs/architecture.md"] {
        let text = fs::read_to_string(root().join(page)).unwrap();
        let diagram = text.split("```mermaid\nflowchart TD\n").find(|part| part.trim().starts_with("subgraph workers"));
        let diagram = diagram.unwrap().split("```").next().unwrap();
        assert_eq!(drawn(diagram), depended(&crates), "{page}");
        for name in crates.keys() {
            assert!(diagram.split_whitespace().any(|word| word == name), "{page} does not show {name}");
        }
    }
}
