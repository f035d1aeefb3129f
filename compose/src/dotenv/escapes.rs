/// The escapes of a text in double quotes: `\n` and the like, and `\0` with three digits of an octal number. `\$` becomes
/// `$$`, which the putting in of variables makes a plain `$`.
pub(super) fn expand(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        let (before, escape) = rest.split_at_checked(at).unwrap_or((rest, ""));
        out.push_str(before);
        let after = escape.get(1..).unwrap_or_default();
        let length = one(after, &mut out);
        rest = after.get(length..).unwrap_or_default();
    }
    out.push_str(rest);
    out
}

/// Expands what is behind one `\`, and gives its length.
fn one(after: &str, out: &mut String) -> usize {
    let plain = match after.bytes().next() {
        Some(b'a') => '\u{7}',
        Some(b'b') => '\u{8}',
        Some(b'f') => '\u{c}',
        Some(b'n') => '\n',
        Some(b'r') => '\r',
        Some(b't') => '\t',
        Some(b'v') => '\u{b}',
        Some(b'\\') => '\\',
        Some(b'"') => '"',
        Some(b'$') => {
            out.push_str("$$");
            return 1;
        }
        Some(b'0') => return octal(after, out),
        _ => {
            out.push('\\');
            return 0;
        }
    };
    out.push(plain);
    1
}

fn octal(after: &str, out: &mut String) -> usize {
    let digits = after.bytes().skip(1).take(3).take_while(u8::is_ascii_digit).count();
    let length = digits.saturating_add(1);
    let number = after.get(1..length).unwrap_or_default();
    if let Some(value) = u8::from_str_radix(number, 8).ok().filter(|_| digits == 3) {
        out.push(char::from(value));
    } else {
        // What is no number loses its zero: so does the standard's reader.
        out.push('\\');
        out.push_str(number);
    }
    length
}
