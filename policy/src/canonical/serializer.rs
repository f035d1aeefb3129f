//! The serializer: writes members as they come, and puts those of an object in order when it ends.
//!
//! By way of [`serde_json::Value`] the same text takes a map and a copy of every text for each object; a plan's digest
//! was the longest step of explaining it.

use std::borrow::Cow;
use std::fmt::{self, Display};
use std::ops::Range;

use serde::ser::{self, Serialize};

use super::write::{write_integer, write_real, write_string};

/// Something that JSON cannot hold.
#[derive(Debug)]
pub(super) struct NoJson;

impl Display for NoJson {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("it has no JSON form")
    }
}

impl std::error::Error for NoJson {}

impl ser::Error for NoJson {
    fn custom<T: Display>(_: T) -> Self {
        Self
    }
}

/// Canonical JSON in the making.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) text: String,
}

type Done = Result<(), NoJson>;

/// Most objects have no more members: one allocation for their keys.
const FEW: usize = 24;

impl Writer {
    /// `{"name":`, for what stands in a variant.
    fn variant(&mut self, name: &str) {
        self.text.push('{');
        write_string(&mut self.text, name);
        self.text.push(':');
    }

    fn items(&mut self, close: &'static str) -> Items<'_> {
        self.text.push('[');
        Items { writer: self, first: true, close }
    }

    fn members(&mut self, close: &'static str) -> Members<'_> {
        self.text.push('{');
        let begin = self.text.len();
        Members { writer: self, begin, keys: Vec::with_capacity(FEW), close }
    }

    fn push(&mut self, text: &str) {
        self.text.push_str(text);
    }
}

macro_rules! integers {
    ($($name:ident: $type:ty),*) => {
        $(fn $name(self, value: $type) -> Done {
            write_integer(&mut self.text, i128::from(value));
            Ok(())
        })*
    };
}

impl<'a> ser::Serializer for &'a mut Writer {
    type Ok = ();
    type Error = NoJson;
    type SerializeSeq = Items<'a>;
    type SerializeTuple = Items<'a>;
    type SerializeTupleStruct = Items<'a>;
    type SerializeTupleVariant = Items<'a>;
    type SerializeMap = Members<'a>;
    type SerializeStruct = Members<'a>;
    type SerializeStructVariant = Members<'a>;

    integers!(serialize_i8: i8, serialize_i16: i16, serialize_i32: i32, serialize_i64: i64);
    integers!(serialize_u8: u8, serialize_u16: u16, serialize_u32: u32, serialize_u64: u64);

    fn serialize_bool(self, value: bool) -> Done {
        self.push(if value { "true" } else { "false" });
        Ok(())
    }

    fn serialize_f32(self, value: f32) -> Done {
        self.serialize_f64(f64::from(value))
    }

    fn serialize_f64(self, value: f64) -> Done {
        if value.is_finite() {
            write_real(&mut self.text, value);
        } else {
            self.push("null");
        }
        Ok(())
    }

    fn serialize_char(self, value: char) -> Done {
        self.serialize_str(value.encode_utf8(&mut [0; 4]))
    }

    fn serialize_str(self, value: &str) -> Done {
        write_string(&mut self.text, value);
        Ok(())
    }

    fn serialize_bytes(self, value: &[u8]) -> Done {
        self.collect_seq(value)
    }

    fn serialize_none(self) -> Done {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Done {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Done {
        self.push("null");
        Ok(())
    }

    fn serialize_unit_struct(self, _: &'static str) -> Done {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _: &'static str, _: u32, variant: &'static str) -> Done {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _: &'static str, value: &T) -> Done {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        value: &T,
    ) -> Done {
        self.variant(variant);
        value.serialize(&mut *self)?;
        self.push("}");
        Ok(())
    }

    fn serialize_seq(self, _: Option<usize>) -> Result<Items<'a>, NoJson> {
        Ok(self.items("]"))
    }

    fn serialize_tuple(self, _: usize) -> Result<Items<'a>, NoJson> {
        Ok(self.items("]"))
    }

    fn serialize_tuple_struct(self, _: &'static str, _: usize) -> Result<Items<'a>, NoJson> {
        Ok(self.items("]"))
    }

    fn serialize_tuple_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Items<'a>, NoJson> {
        self.variant(variant);
        Ok(self.items("]}"))
    }

    fn serialize_map(self, _: Option<usize>) -> Result<Members<'a>, NoJson> {
        Ok(self.members("}"))
    }

    fn serialize_struct(self, _: &'static str, _: usize) -> Result<Members<'a>, NoJson> {
        Ok(self.members("}"))
    }

    fn serialize_struct_variant(
        self,
        _: &'static str,
        _: u32,
        variant: &'static str,
        _: usize,
    ) -> Result<Members<'a>, NoJson> {
        self.variant(variant);
        Ok(self.members("}}"))
    }
}

/// An array in the making.
#[derive(Debug)]
pub(super) struct Items<'a> {
    writer: &'a mut Writer,
    first: bool,
    close: &'static str,
}

impl Items<'_> {
    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
        if !self.first {
            self.writer.push(",");
        }
        self.first = false;
        value.serialize(&mut *self.writer)
    }

    fn close(self) {
        self.writer.push(self.close);
    }
}

macro_rules! array {
    ($($trait:ident $method:ident),*) => {
        $(impl ser::$trait for Items<'_> {
            type Ok = ();
            type Error = NoJson;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
                self.item(value)
            }

            fn end(self) -> Done {
                self.close();
                Ok(())
            }
        })*
    };
}

array!(
    SerializeSeq serialize_element,
    SerializeTuple serialize_element,
    SerializeTupleStruct serialize_field,
    SerializeTupleVariant serialize_field
);

/// An object in the making: its members stand one behind the other, without commas, in the order in which they came.
#[derive(Debug)]
pub(super) struct Members<'a> {
    writer: &'a mut Writer,
    begin: usize,
    /// Where the key of each member is, quotes included; the member ends where the next one begins.
    keys: Vec<Range<usize>>,
    close: &'static str,
}

impl Members<'_> {
    fn key<T: Serialize + ?Sized>(&mut self, key: &T) -> Done {
        let start = self.writer.text.len();
        key.serialize(&mut *self.writer)?;
        let range = start..self.writer.text.len();
        if !self.writer.text.get(range.clone()).is_some_and(|key| key.starts_with('"')) {
            return Err(NoJson);
        }
        self.keys.push(range);
        self.writer.push(":");
        Ok(())
    }

    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
        value.serialize(&mut *self.writer)
    }

    fn close(self) {
        let written = self.writer.text.split_off(self.begin);
        let part = |range: Range<usize>| {
            let (start, end) = (range.start.saturating_sub(self.begin), range.end.saturating_sub(self.begin));
            written.get(start..end).unwrap_or_default()
        };
        let last = self.begin.saturating_add(written.len());
        let ends = self.keys.iter().skip(1).map(|key| key.start).chain([last]);
        let mut members: Vec<(Cow<'_, str>, &str)> = self
            .keys
            .iter()
            .zip(ends)
            .map(|(key, end)| (unquoted(part(key.clone())), part(key.start..end)))
            .collect();
        members.sort_by(|(a, _), (b, _)| in_order(a, b));
        for ((_, member), number) in members.iter().zip(0_usize..) {
            if number > 0 {
                self.writer.push(",");
            }
            self.writer.push(member);
        }
        self.writer.push(self.close);
    }
}

/// A key without its quotes and escapes.
fn unquoted(key: &str) -> Cow<'_, str> {
    if key.contains('\\') {
        // What was just written can be read.
        return serde_json::from_str(key).map_or(Cow::Borrowed(key), Cow::Owned);
    }
    Cow::Borrowed(key.trim_matches('"'))
}

/// By UTF-16 units, as section 3.2.3 asks.
fn in_order(a: &str, b: &str) -> std::cmp::Ordering {
    if a.is_ascii() && b.is_ascii() { a.cmp(b) } else { a.encode_utf16().cmp(b.encode_utf16()) }
}

impl ser::SerializeMap for Members<'_> {
    type Ok = ();
    type Error = NoJson;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Done {
        self.key(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Done {
        self.value(value)
    }

    fn end(self) -> Done {
        self.close();
        Ok(())
    }
}

macro_rules! object {
    ($($trait:ident),*) => {
        $(impl ser::$trait for Members<'_> {
            type Ok = ();
            type Error = NoJson;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, key: &'static str, value: &T) -> Done {
                self.key(key)?;
                self.value(value)
            }

            fn end(self) -> Done {
                self.close();
                Ok(())
            }
        })*
    };
}

object!(SerializeStruct, SerializeStructVariant);
