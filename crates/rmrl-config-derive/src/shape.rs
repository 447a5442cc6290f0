//! What a field's type is made of: options, lists and arrays around a number, a section or something free.

use syn::{Expr, GenericArgument, PathArguments, Type, TypeArray, TypePath};

const FLOATS: [&str; 2] = ["f32", "f64"];
const INTEGERS: [&str; 12] =
    ["u8", "u16", "u32", "u64", "u128", "usize", "i8", "i16", "i32", "i64", "i128", "isize"];
const NON_ZEROS: [(&str, &str); 5] = [
    ("NonZeroU8", "u8"),
    ("NonZeroU16", "u16"),
    ("NonZeroU32", "u32"),
    ("NonZeroU64", "u64"),
    ("NonZeroUsize", "usize"),
];

/// The shape of a field's type.
pub(crate) enum Shape {
    Optional(Box<Shape>),
    List(Box<Shape>),
    Array(Box<Shape>, Expr),
    Number(Number),
    /// Two numbers, of which the second is not the lower one.
    Interval(Number),
    Section(Type),
    /// A type without numbers, with the word for it.
    Free(&'static str),
}

/// A type of numbers.
#[derive(Clone)]
pub(crate) struct Number {
    /// The type that bounds have.
    pub(crate) primitive: String,
    pub(crate) is_float: bool,
    pub(crate) is_non_zero: bool,
}

impl Shape {
    /// The shape of a type; `is_nested` and `is_interval` are what the field's attributes say of it.
    pub(crate) fn of(ty: &Type, is_nested: bool, is_interval: bool) -> syn::Result<Self> {
        if let Some(inner) = argument_of(ty, "Option") {
            return Ok(Self::Optional(Box::new(Self::of(inner, is_nested, is_interval)?)));
        }
        if let Some(inner) = argument_of(ty, "Vec") {
            return Ok(Self::List(Box::new(Self::of(inner, is_nested, is_interval)?)));
        }
        if let Type::Array(TypeArray { elem, len, .. }) = ty {
            return match Self::of(elem, is_nested, is_interval)? {
                Self::Number(number) if is_interval => interval(ty, number, len),
                inner => Ok(Self::Array(Box::new(inner), len.clone())),
            };
        }
        if is_nested {
            return Ok(Self::Section(ty.clone()));
        }
        match name_of(ty) {
            Some(name) => Ok(Self::of_name(&name)),
            None => Ok(Self::Free("value")),
        }
    }

    fn of_name(name: &str) -> Self {
        let number = |primitive: &str, is_float, is_non_zero| {
            Self::Number(Number { primitive: primitive.to_string(), is_float, is_non_zero })
        };
        if FLOATS.contains(&name) {
            return number(name, true, false);
        }
        if INTEGERS.contains(&name) {
            return number(name, false, false);
        }
        if let Some((_, primitive)) = NON_ZEROS.iter().find(|(non_zero, _)| *non_zero == name) {
            return number(primitive, false, true);
        }
        Self::Free(match name {
            "bool" => "true or false",
            "String" => "text",
            "PathBuf" => "path",
            _ => "word",
        })
    }

    /// What lies within all options, lists and arrays.
    pub(crate) fn innermost(&self) -> &Self {
        match self {
            Self::Optional(inner) | Self::List(inner) | Self::Array(inner, _) => inner.innermost(),
            _ => self,
        }
    }

    /// Whether a list is anywhere in it.
    pub(crate) fn has_list(&self) -> bool {
        match self {
            Self::List(_) => true,
            Self::Optional(inner) | Self::Array(inner, _) => inner.has_list(),
            _ => false,
        }
    }
}

fn interval(ty: &Type, number: Number, len: &Expr) -> syn::Result<Shape> {
    let is_two = matches!(len, Expr::Lit(syn::ExprLit { lit: syn::Lit::Int(len), .. })
        if len.base10_digits() == "2");
    if is_two {
        Ok(Shape::Interval(number))
    } else {
        Err(syn::Error::new_spanned(ty, "an interval is [least, most], an array of 2 numbers"))
    }
}

/// Whether a number hides in a type that is not looked into: a tuple, or an argument of a generic type.
pub(crate) fn hides_a_number(ty: &Type) -> bool {
    match ty {
        Type::Tuple(tuple) => tuple.elems.iter().any(hides_a_number),
        Type::Array(array) => hides_a_number(&array.elem),
        Type::Path(path) => {
            let of_name = name_of(ty).map(|name| Shape::of_name(&name));
            matches!(of_name, Some(Shape::Number(_))) || arguments(path).any(hides_a_number)
        }
        _ => false,
    }
}

fn argument_of<'a>(ty: &'a Type, name: &str) -> Option<&'a Type> {
    match ty {
        Type::Path(path) if name_of(ty)? == name => arguments(path).next(),
        _ => None,
    }
}

fn arguments(path: &TypePath) -> impl Iterator<Item = &Type> {
    let arguments = path.path.segments.last().map(|segment| &segment.arguments);
    let listed = match arguments {
        Some(PathArguments::AngleBracketed(listed)) => Some(&listed.args),
        _ => None,
    };
    listed.into_iter().flatten().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    })
}

fn name_of(ty: &Type) -> Option<String> {
    match ty {
        Type::Path(path) => path.path.segments.last().map(|segment| segment.ident.to_string()),
        _ => None,
    }
}
