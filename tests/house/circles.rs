//! No module imports, by whatever detour, from one that imports from it.

use std::collections::{BTreeMap, BTreeSet};

use crate::sources::{self, File, Module};

/// Who imports from whom, with a path that says so.
type Edges = BTreeMap<Module, BTreeMap<Module, String>>;

/// The module in which `path`, as it stands in `from`, leads to its end; `None` for what is not of this crate.
fn target(files: &BTreeMap<Module, File>, from: &Module, path: &[String], depth: usize) -> Option<Module> {
    let mut at = match path.first()?.as_str() {
        "crate" => Vec::new(),
        "self" => from.clone(),
        "super" => from[..from.len().checked_sub(1)?].to_vec(),
        child => {
            let child: Module = from.iter().cloned().chain([child.to_owned()]).collect();
            files.contains_key(&child).then_some(child)?
        }
    };
    for (n, name) in path.iter().enumerate().skip(1) {
        if name == "super" {
            at.pop();
            continue;
        }
        let child: Module = at.iter().cloned().chain([name.clone()]).collect();
        if files.contains_key(&child) {
            at = child;
            continue;
        }
        let exported = files.get(&at).and_then(|file| file.exports.iter().find(|(export, _)| export == name));
        if let Some((_, path_of)) = exported.filter(|_| depth < 8) {
            let rest: Vec<String> = path_of.iter().chain(&path[n + 1..]).cloned().collect();
            return target(files, &at, &rest, depth + 1).or(Some(at));
        }
        break;
    }
    Some(at)
}

fn edges(files: &BTreeMap<Module, File>) -> Edges {
    let mut edges = Edges::new();
    for (from, file) in files {
        for path in &file.paths {
            let Some(to) = target(files, from, path, 0).filter(|to| files.contains_key(to)) else { continue };
            if !from.starts_with(&to) && !to.starts_with(from) {
                edges.entry(from.clone()).or_default().entry(to).or_insert_with(|| path.join("::"));
            }
        }
    }
    edges
}

/// A way from `at` back to `start`, as lines.
fn way_back(edges: &Edges, start: &Module, at: &Module, seen: &mut BTreeSet<Module>) -> Option<Vec<String>> {
    for (to, path) in edges.get(at)? {
        let line = format!("{} uses {path}", at.join("::"));
        if to == start {
            return Some(vec![line]);
        }
        if seen.insert(to.clone())
            && let Some(way) = way_back(edges, start, to, seen)
        {
            return Some([vec![line], way].concat());
        }
    }
    None
}

fn circle(files: &BTreeMap<Module, File>) -> Option<Vec<String>> {
    let edges = edges(files);
    edges.keys().find_map(|module| way_back(&edges, module, module, &mut BTreeSet::new()))
}

#[test]
fn modules_import_each_other_in_one_direction() {
    for name in sources::SHARED.iter().chain(&sources::WORKERS).chain(&["ops", "sandbox"]) {
        let files = sources::of(name);
        let circle = circle(&files);
        assert!(circle.is_none(), "{name}: a circle of imports\n  {}", circle.unwrap().join("\n  "));
    }
}

#[test]
fn a_circle_is_found_through_exports_and_children() {
    let files = |texts: &[(&str, &str)]| -> BTreeMap<Module, File> {
        let module = |path: &str| path.split("::").filter(|name| !name.is_empty()).map(ToOwned::to_owned).collect();
        texts.iter().map(|(path, text)| (module(path), sources::read(text))).collect()
    };
    let straight = [("", "mod a; mod b;"), ("a", "use crate::b::B;"), ("b", "pub struct B;")];
    assert_eq!(circle(&files(&straight)), None);
    let direct = [("", ""), ("a", "use crate::b::B; pub struct A;"), ("b", "use super::a::A; pub struct B;")];
    assert_eq!(circle(&files(&direct)).unwrap(), ["a uses crate::b::B", "b uses super::a::A"]);
    let by_export = [("", ""), ("a", "mod c; pub use c::C;"), ("a::c", "use crate::b::B;"), ("b", "use crate::a::C;")];
    assert_eq!(circle(&files(&by_export)).unwrap().len(), 2);
    // A child and its parent are one thing.
    let family = [("", ""), ("a", "mod c; fn f() { c::g() }"), ("a::c", "use super::f;")];
    assert_eq!(circle(&files(&family)), None);
}
