//! One field of a configuration: its key, its meaning and its range, checked against its type.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Field, Ident, Type};

use crate::attributes::KeyAttributes;
use crate::meaning::meaning;
use crate::serde_names::SerdeField;
use crate::shape::{Shape, hides_a_number};

/// One key, or one section of keys.
pub(crate) struct KeyField {
    pub(crate) ident: Ident,
    /// The key's name in files; `None` for a section whose keys lie beside the field's.
    pub(crate) name: Option<String>,
    pub(crate) meaning: String,
    pub(crate) shape: Shape,
    pub(crate) key: KeyAttributes,
}

impl KeyField {
    /// Reads a field; `None` for one that no file sets.
    pub(crate) fn read(field: &Field, rename: fn(&str) -> String) -> syn::Result<Option<Self>> {
        let error = |message: &str| syn::Error::new_spanned(field, message);
        let ident =
            field.ident.clone().ok_or_else(|| error("ConfigKeys needs fields with names"))?;
        let serde = SerdeField::read(&field.attrs)?;
        if serde.is_skipped {
            return Ok(None);
        }
        let key = KeyAttributes::read(&field.attrs)?;
        let is_nested = key.is_nested || serde.is_flat;
        let shape = Shape::of(&field.ty, is_nested, key.is_interval)?;
        check(&field.ty, &shape, &key).map_err(error)?;
        let meaning =
            meaning(&field.attrs).ok_or_else(|| error("a key needs a doc comment: its meaning"))?;
        let own_name = ident.to_string();
        let own_name = own_name.trim_start_matches("r#");
        let name = (!serde.is_flat).then(|| serde.rename.unwrap_or_else(|| rename(own_name)));
        Ok(Some(Self { ident, name, meaning, shape, key }))
    }

    /// The path of the field's key, an expression of type `String`.
    pub(crate) fn path(&self) -> TokenStream {
        match &self.name {
            Some(name) => quote! { ::rmrl_core::key_path(section, #name) },
            None => quote! { ::std::string::String::from(section) },
        }
    }
}

/// Checks that a key's attributes fit its type.
fn check(ty: &Type, shape: &Shape, key: &KeyAttributes) -> Result<(), &'static str> {
    if (key.min_len.is_some() || key.max_len.is_some()) && !shape.has_list() {
        return Err("min_len and max_len are for lists, Vec<T>");
    }
    let is_checked = key.has_bounds() || key.valid.is_some();
    if (key.expected.is_some() || key.why.is_some()) && !is_checked {
        return Err("expected and why explain bounds or `valid`, which are not given");
    }
    match shape.innermost() {
        Shape::Number(_) | Shape::Interval(_) => check_number(shape, key),
        Shape::Section(_) if is_checked || key.is_free || key.is_interval || key.kind.is_some() => {
            Err("a section states its ranges at its own fields")
        }
        Shape::Section(_) => Ok(()),
        _ if key.has_bounds() || key.is_interval => {
            Err("only numbers have bounds; use `valid` and `expected`")
        }
        _ if key.valid.is_some() && key.expected.is_none() => {
            Err("`valid` needs `expected`, which says in words what is valid")
        }
        _ if hides_a_number(ty) && !key.is_free => {
            Err("ConfigKeys does not look into this type; use a section, Vec, Option or [T; N]")
        }
        _ => Ok(()),
    }
}

fn check_number(shape: &Shape, key: &KeyAttributes) -> Result<(), &'static str> {
    if key.lower.is_none() {
        return Err("a number needs a lower bound: `at_least` or `above`");
    }
    if key.upper.is_none() {
        return Err("a number needs an upper bound: `at_most`, `below` or `limit`");
    }
    if key.is_free {
        return Err("a number has bounds and is not free");
    }
    if key.is_interval && !matches!(shape.innermost(), Shape::Interval(_)) {
        return Err("an interval is [least, most], an array of 2 numbers");
    }
    if key.valid.is_some() && key.is_interval {
        return Err("`valid` is for single values; check an interval in `rules`");
    }
    if key.valid.is_some() && key.expected.is_none() {
        return Err("`valid` needs `expected`, which says in words what is valid");
    }
    Ok(())
}
