//! Numbers of France.

use crate::privacy::check::value;
use crate::privacy::kind::{Finder, Make, kind};
use crate::privacy::mask::last_four;
use crate::privacy::number::Number;

kind! {
    /// A social security number (NIR): sex, year and month of birth, department, commune, order, and a key of two digits.
    NIR = "fr_nir", Personal, 95;
    code "fr-nir", "a social security number of France";
    example "1 84 12 76 451 089 46";
    checksum "key 97 minus the remainder by 97";
    source "https://www.insee.fr/fr/metadonnees/definition/c1409";
    words &["nir", "sécurité sociale", "securite sociale", "numéro de sécu", "insee", "sécu"];
    find Finder::Number(15, 15, judge);
    mask last_four;
    make Make::Redraw(0);
}

fn judge(number: &Number<'_>) -> u8 {
    let digits = number.digits();
    let part = |from: usize, to: usize| value(digits.get(from..to).unwrap_or_default());
    let month = part(3, 5);
    let person = matches!(digits.first(), Some(1 | 2 | 3 | 4 | 7 | 8))
        && matches!(month, 1..=12 | 20..=42 | 50..=99)
        && (1..=99).contains(&part(5, 7));
    if person && part(0, 13) % 97 + part(13, 15) == 97 && number.separators & !5 == 0 {
        number.sure(96, if number.plain() { 78 } else { 90 })
    } else {
        0
    }
}
