//! Org units in the order of their tree.

use serde_json::{Value as Json, json};

/// How deep a unit is shown at most. Deeper units are shown at this depth.
const SHOWN_DEPTH_MAX: usize = 5;

/// The units, each after its parent and with its depth. A unit whose parent is not among them comes without a parent.
pub(super) fn ordered(units: &[Json]) -> Vec<Json> {
    let mut found = Vec::with_capacity(units.len());
    let is_known = |name: &str| units.iter().any(|unit| text(unit, "org_unit") == name);
    let (tops, others): (Vec<_>, Vec<_>) =
        units.iter().partition(|unit| !is_known(text(unit, "parent")));
    // The next units to show, the first one last.
    let mut open: Vec<(&Json, usize)> = tops.into_iter().rev().map(|unit| (unit, 0)).collect();
    while let Some((unit, depth)) = open.pop() {
        let name = text(unit, "org_unit");
        found.push(json!({"org_unit": name, "depth": depth.min(SHOWN_DEPTH_MAX)}));
        let below = others.iter().rev().filter(|other| text(other, "parent") == name);
        open.extend(below.map(|other| (*other, depth + 1)));
    }
    found
}

fn text<'u>(unit: &'u Json, name: &str) -> &'u str {
    unit.get(name).and_then(Json::as_str).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_follow_their_parents() {
        let unit = |name: &str, parent: &str| json!({"org_unit": name, "parent": parent});
        let units = [unit("a", "z"), unit("b", "c"), unit("c", ""), unit("d", "b"), unit("e", "c")];
        let ordered = ordered(&units);
        let shown: Vec<_> =
            ordered.iter().map(|unit| (text(unit, "org_unit"), &unit["depth"])).collect();
        let depths = [0, 0, 1, 2, 1].map(|depth| json!(depth));
        assert!(shown.iter().map(|(name, _)| *name).eq(["a", "c", "b", "d", "e"]), "{shown:?}");
        assert!(shown.iter().map(|(_, depth)| *depth).eq(depths.iter()), "{shown:?}");
    }
}
