//! The names of keys in files, according to `#[serde(...)]`.

use syn::meta::ParseNestedMeta;
use syn::token::Paren;
use syn::{Attribute, Expr, LitStr, Token, parenthesized};

/// How serde reads a field.
#[derive(Default)]
pub(crate) struct SerdeField {
    /// Another name than the field's.
    pub(crate) rename: Option<String>,
    /// Whether its keys lie in the section of the field itself.
    pub(crate) is_flat: bool,
    /// Whether no file sets it.
    pub(crate) is_skipped: bool,
}

impl SerdeField {
    pub(crate) fn read(attributes: &[Attribute]) -> syn::Result<Self> {
        let mut field = Self::default();
        each_serde_meta(attributes, |meta| {
            if meta.path.is_ident("rename") {
                field.rename = read_rename(meta)?.or(field.rename.take());
            } else if meta.path.is_ident("flatten") {
                field.is_flat = true;
            } else if meta.path.is_ident("skip") || meta.path.is_ident("skip_deserializing") {
                field.is_skipped = true;
            } else {
                pass_over(meta)?;
            }
            Ok(())
        })?;
        Ok(field)
    }
}

/// How `#[serde(rename_all = ...)]` changes the names of a struct's fields.
pub(crate) fn rename_all(attributes: &[Attribute]) -> syn::Result<fn(&str) -> String> {
    let mut rule: fn(&str) -> String = str::to_string;
    each_serde_meta(attributes, |meta| {
        if !meta.path.is_ident("rename_all") {
            return pass_over(meta);
        }
        let text: LitStr = meta.value()?.parse()?;
        rule = match text.value().as_str() {
            "snake_case" => str::to_string,
            "kebab-case" => |name| name.replace('_', "-"),
            _ => {
                return Err(syn::Error::new(
                    text.span(),
                    "ConfigKeys knows snake_case and kebab-case only",
                ));
            }
        };
        Ok(())
    })?;
    Ok(rule)
}

fn each_serde_meta(
    attributes: &[Attribute],
    mut read: impl FnMut(&ParseNestedMeta) -> syn::Result<()>,
) -> syn::Result<()> {
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("serde")) {
        attribute.parse_nested_meta(|meta| read(&meta))?;
    }
    Ok(())
}

/// `rename = "a"`, or `rename(deserialize = "a", serialize = "b")`, of which the first decides.
fn read_rename(meta: &ParseNestedMeta) -> syn::Result<Option<String>> {
    if !meta.input.peek(Paren) {
        return Ok(Some(meta.value()?.parse::<LitStr>()?.value()));
    }
    let mut name = None;
    meta.parse_nested_meta(|inner| {
        let text = inner.value()?.parse::<LitStr>()?.value();
        if inner.path.is_ident("deserialize") {
            name = Some(text);
        }
        Ok(())
    })?;
    Ok(name)
}

/// Reads past an attribute that does not concern names.
fn pass_over(meta: &ParseNestedMeta) -> syn::Result<()> {
    if meta.input.peek(Token![=]) {
        meta.value()?.parse::<Expr>()?;
    } else if meta.input.peek(Paren) {
        let content;
        parenthesized!(content in meta.input);
        content.parse::<proc_macro2::TokenStream>()?;
    }
    Ok(())
}
