//! How deep a JSON text is, before anybody builds what it describes.

/// Counts the levels of arrays and objects in a JSON text; of any other text, at least as many as
/// a parser opens before it gives up.
pub fn json_depth(text: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let mut bytes = text.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'[' | b'{' => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            b'"' => skip_string(&mut bytes),
            _ => (),
        }
    }
    deepest
}

fn skip_string(bytes: &mut std::slice::Iter<'_, u8>) {
    while let Some(byte) = bytes.next() {
        match byte {
            b'"' => return,
            b'\\' => drop(bytes.next()),
            _ => (),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::*;

    #[test]
    fn levels_are_counted_outside_of_texts() {
        for (text, depth) in [
            ("", 0),
            ("5", 0),
            (r#""[[[""#, 0),
            (r#"{"a": [1, {"b": "\"]}"}], "c": {}}"#, 3),
            (r#"["\\", [["x"]]]"#, 3),
            ("]]]][[", 2),
        ] {
            assert_eq!(json_depth(text.as_bytes()), depth, "{text}");
        }
        assert_eq!(json_depth("[".repeat(10_000).as_bytes()), 10_000);
    }

    fn measured(value: &Value) -> usize {
        match value {
            Value::Array(items) => 1 + items.iter().map(measured).max().unwrap_or(0),
            Value::Object(items) => 1 + items.values().map(measured).max().unwrap_or(0),
            _ => 0,
        }
    }

    fn any_json() -> impl Strategy<Value = Value> {
        any::<String>().prop_map(Value::from).prop_recursive(6, 64, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::vec((any::<String>(), inner), 0..4)
                    .prop_map(|items| Value::Object(items.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn it_agrees_with_the_parser(value in any_json()) {
            prop_assert_eq!(json_depth(value.to_string().as_bytes()), measured(&value));
        }
    }
}
