//! Transfers of labware between the sites of a cell, and what each of them teaches.
