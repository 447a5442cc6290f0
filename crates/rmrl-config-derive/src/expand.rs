//! The generated code as a whole.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{Data, DeriveInput, Fields};

use crate::attributes::ConfigAttributes;
use crate::check::check;
use crate::describe::describe;
use crate::field::KeyField;
use crate::serde_names::rename_all;

/// Implements `rmrl_core::ConfigKeys` and `validate` for a struct.
pub(crate) fn config_keys(input: &DeriveInput) -> syn::Result<TokenStream> {
    let fields = fields_of(input)?;
    let config = ConfigAttributes::read(&input.attrs)?;
    let describes = fields.iter().map(describe);
    let checks = fields.iter().map(check);
    let rules = config.rules.map(|rules| {
        quote! { (#rules)(self, &::rmrl_core::Check::new(section))?; }
    });
    let (name, visibility) = (&input.ident, &input.vis);
    let (impls, types, bounds) = input.generics.split_for_impl();
    let validate = (!config.has_own_validate).then(|| {
        quote! {
            impl #impls #name #types #bounds {
                /// Checks every value, and the values against each other.
                ///
                /// # Errors
                /// The first invalid key.
                #visibility fn validate(&self) -> ::core::result::Result<(), ::rmrl_core::InvalidKey> {
                    ::rmrl_core::ConfigKeys::check_keys(self, "")
                }
            }
        }
    });
    Ok(quote! {
        #[automatically_derived]
        impl #impls ::rmrl_core::ConfigKeys for #name #types #bounds {
            fn describe_keys(
                section: &str,
                keys: &mut ::std::vec::Vec<::rmrl_core::KeyDescription>,
            ) {
                #(#describes)*
            }

            fn check_keys(
                &self,
                section: &str,
            ) -> ::core::result::Result<(), ::rmrl_core::InvalidKey> {
                #(#checks)*
                #rules
                ::core::result::Result::Ok(())
            }
        }

        #validate
    })
}

fn fields_of(input: &DeriveInput) -> syn::Result<Vec<KeyField>> {
    let named = match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => Some(&fields.named),
            _ => None,
        },
        _ => None,
    };
    let message = "ConfigKeys is for structs with named fields";
    let named = named.ok_or_else(|| syn::Error::new_spanned(&input.ident, message))?;
    let rename = rename_all(&input.attrs)?;
    let fields = named.iter().map(|field| KeyField::read(field, rename));
    fields.filter_map(Result::transpose).collect()
}
