//! The rules for the arrows between modules, and the advice for each breach.

use super::super::Breach;
use super::graph::{self, Arrows, Circle, Folder, Place, SELF};
use super::layers::{self, Table, Tables};
use super::tree::Tree;

/// A folder of this many modules needs a table where they use each other. In a smaller one, only circles are
/// refused.
const TABLE_FROM_MODULES: usize = 5;

/// Every breach of a crate: circles, arrows against a table, faults of the tables, undeclared files.
pub(super) fn breaches(tree: &Tree, tables: &Tables) -> Vec<Breach> {
    let folders = graph::folders(tree);
    let table_file = format!("{}/layers.toml", tree.folder);
    let mut breaches: Vec<_> = tree.undeclared.iter().map(|file| undeclared(file)).collect();
    for name in tables.keys().filter(|name| !folders.contains_key(*name)) {
        let advice = format!("[\"{name}\"]: there is no such folder: remove the table");
        breaches.push(Breach { place: table_file.clone(), advice });
    }
    for (name, folder) in &folders {
        let no_table = Table::default();
        let table = tables.get(name);
        let arrows = table.unwrap_or(&no_table).merged(&folder.arrows);
        let folder_path = format!("{}/{name}", tree.folder);
        breaches.extend(
            graph::circles(&arrows)
                .iter()
                .map(|circle| circle_breach(&folder_path, circle, &arrows)),
        );
        match table {
            Some(table) => {
                breaches.extend(table_breaches(&table_file, name, folder, table, &arrows));
            }
            None => breaches.extend(without_table(&table_file, name, folder)),
        }
    }
    breaches
}

fn undeclared(file: &str) -> Breach {
    Breach {
        place: file.to_owned(),
        advice: "no `mod` declares this file by its name: declare it plainly, without a macro and without \
                 #[path]"
            .to_owned(),
    }
}

fn circle_breach(folder_path: &str, circle: &Circle, arrows: &Arrows) -> Breach {
    let Circle { modules, knot } = circle;
    let pairs = modules.iter().zip(modules.iter().cycle().skip(1));
    let lines = pairs.map(|(from, to)| {
        let places = arrows.get(&(from.clone(), to.clone())).map_or(&[][..], Vec::as_slice);
        format!("\n    {from} -> {to}: {}", at(places))
    });
    let lines: String = lines.collect();
    let knot = if *knot > modules.len() {
        format!(", in a knot of {knot} modules")
    } else {
        String::new()
    };
    Breach {
        place: folder_path.to_owned(),
        advice: format!(
            "a circle of modules: {} -> {}{knot}. Cut one arrow: move what both use into a module below \
             them, or pass it as a value{lines}",
            modules.join(" -> "),
            modules[0],
        ),
    }
}

fn table_breaches(
    table_file: &str,
    name: &str,
    folder: &Folder,
    table: &Table,
    arrows: &Arrows,
) -> Vec<Breach> {
    let faults = table.faults(folder).into_iter().map(|fault| Breach {
        place: table_file.to_owned(),
        advice: format!("[\"{name}\"]: {fault}"),
    });
    let refused = arrows.iter().filter(|((from, to), _)| !table.allows(from, to));
    let refused = refused.map(|((from, to), places)| Breach {
        place: places.first().map_or_else(String::new, |first| format!("{}:{}", first.file, first.line)),
        advice: format!(
            "{from} may not use {to}, says [\"{name}\"] of {table_file}: move what it needs into a module \
             below both, or pass it as a value: {}",
            at(places)
        ),
    });
    faults.chain(refused).collect()
}

fn without_table(table_file: &str, name: &str, folder: &Folder) -> Option<Breach> {
    let suggestion = layers::suggest(name, folder)?;
    let is_large = folder.modules.len() >= TABLE_FROM_MODULES;
    let use_each_other = folder.arrows.keys().any(|(from, _)| from != SELF);
    (is_large && use_each_other).then(|| Breach {
        place: table_file.to_owned(),
        advice: format!(
            "{name} has {TABLE_FROM_MODULES} modules or more, which use each other: add its table. Its \
             arrows of today:\n{suggestion}"
        ),
    })
}

/// The first place of an arrow, and the number of further ones.
fn at(places: &[Place]) -> String {
    let Some(first) = places.first() else { return String::new() };
    let more = match places.len() - 1 {
        0 => String::new(),
        more => format!(" and at {more} more"),
    };
    format!("`{}` at {}:{}{more}", first.path, first.file, first.line)
}
