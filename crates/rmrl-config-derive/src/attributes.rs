//! What `#[key(...)]` at a field and `#[config(...)]` at a struct say.

use syn::meta::ParseNestedMeta;
use syn::{Attribute, Expr, LitStr, Token};

/// Where a range begins.
#[derive(Clone)]
pub(crate) enum Lower {
    AtLeast(Expr),
    Above(Expr),
}

/// Where a range ends.
#[derive(Clone)]
pub(crate) enum Upper {
    AtMost(Expr),
    Below(Expr),
    /// Far above what anyone needs; it only catches slips.
    Limit(Expr),
}

/// What `#[key(...)]` says.
#[derive(Default)]
pub(crate) struct KeyAttributes {
    pub(crate) lower: Option<Lower>,
    pub(crate) upper: Option<Upper>,
    pub(crate) is_interval: bool,
    /// Whether the ends of an interval have to differ.
    pub(crate) is_strict: bool,
    pub(crate) is_nested: bool,
    pub(crate) is_free: bool,
    pub(crate) min_len: Option<Expr>,
    pub(crate) max_len: Option<Expr>,
    pub(crate) valid: Option<Expr>,
    pub(crate) expected: Option<LitStr>,
    pub(crate) why: Option<LitStr>,
    pub(crate) kind: Option<LitStr>,
}

/// What `#[config(...)]` says.
#[derive(Default)]
pub(crate) struct ConfigAttributes {
    /// A function that checks the keys against each other.
    pub(crate) rules: Option<Expr>,
    /// Whether the struct has a `validate` of its own.
    pub(crate) has_own_validate: bool,
}

impl KeyAttributes {
    pub(crate) fn read(attributes: &[Attribute]) -> syn::Result<Self> {
        let mut key = Self::default();
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("key")) {
            attribute.parse_nested_meta(|meta| key.read_one(&meta))?;
        }
        Ok(key)
    }

    fn read_one(&mut self, meta: &ParseNestedMeta) -> syn::Result<()> {
        let name = meta.path.require_ident()?.to_string();
        match name.as_str() {
            "at_least" => set(meta, &mut self.lower, Lower::AtLeast),
            "above" => set(meta, &mut self.lower, Lower::Above),
            "at_most" => set(meta, &mut self.upper, Upper::AtMost),
            "below" => set(meta, &mut self.upper, Upper::Below),
            "limit" => set(meta, &mut self.upper, Upper::Limit),
            "min_len" => set(meta, &mut self.min_len, |len| len),
            "max_len" => set(meta, &mut self.max_len, |len| len),
            "valid" => set(meta, &mut self.valid, |valid| valid),
            "expected" => set_text(meta, &mut self.expected),
            "why" => set_text(meta, &mut self.why),
            "kind" => set_text(meta, &mut self.kind),
            "nested" => raise(&mut self.is_nested),
            "free" => raise(&mut self.is_free),
            "interval" => {
                self.is_interval = true;
                self.is_strict = is_strict(meta)?;
                Ok(())
            }
            _ => Err(meta.error(
                "expected at_least, above, at_most, below, limit, interval, nested, free, min_len, max_len, valid, \
                 expected, why or kind",
            )),
        }
    }

    /// Whether a bound is given.
    pub(crate) fn has_bounds(&self) -> bool {
        self.lower.is_some() || self.upper.is_some()
    }
}

impl ConfigAttributes {
    pub(crate) fn read(attributes: &[Attribute]) -> syn::Result<Self> {
        let mut config = Self::default();
        for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("config")) {
            attribute.parse_nested_meta(|meta| {
                if meta.path.is_ident("rules") {
                    set(&meta, &mut config.rules, |rules| rules)
                } else if meta.path.is_ident("own_validate") {
                    raise(&mut config.has_own_validate)
                } else {
                    Err(meta.error("expected rules or own_validate"))
                }
            })?;
        }
        Ok(config)
    }
}

/// Reads `= expression` into a place that is still empty.
fn set<T>(
    meta: &ParseNestedMeta,
    place: &mut Option<T>,
    make: impl Fn(Expr) -> T,
) -> syn::Result<()> {
    if place.is_some() {
        return Err(meta.error("this contradicts or repeats what was said before"));
    }
    *place = Some(make(meta.value()?.parse()?));
    Ok(())
}

fn set_text(meta: &ParseNestedMeta, place: &mut Option<LitStr>) -> syn::Result<()> {
    *place = Some(meta.value()?.parse()?);
    Ok(())
}

fn raise(flag: &mut bool) -> syn::Result<()> {
    *flag = true;
    Ok(())
}

/// Reads the rest of `interval` or `interval(strict)`.
fn is_strict(meta: &ParseNestedMeta) -> syn::Result<bool> {
    if meta.input.is_empty() || meta.input.peek(Token![,]) {
        return Ok(false);
    }
    meta.parse_nested_meta(|inner| {
        if inner.path.is_ident("strict") { Ok(()) } else { Err(inner.error("expected strict")) }
    })?;
    Ok(true)
}
