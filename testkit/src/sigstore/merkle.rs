//! The tree of RFC 6962: leaves, root, proofs that a leaf is in it.

use super::der::sha256;

/// A hash in the tree.
pub type Hash = [u8; 32];

/// The hash of one entry.
pub fn leaf(entry: &[u8]) -> Hash {
    sha256(&[&[0], entry].concat())
}

fn node(left: &Hash, right: &Hash) -> Hash {
    sha256(&[&[1], left.as_slice(), right].concat())
}

/// The largest power of two below the number of leaves: where the tree is split.
fn split(count: usize) -> usize {
    count.next_power_of_two() / 2
}

/// The root over these leaves.
pub fn root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => sha256(b""),
        [one] => *one,
        many => {
            let (left, right) = many.split_at(split(many.len()));
            node(&root(left), &root(right))
        }
    }
}

/// The hashes beside the way from a leaf to the root, the nearest first.
pub fn path(at: usize, leaves: &[Hash]) -> Vec<Hash> {
    if leaves.len() <= 1 {
        return Vec::new();
    }
    let middle = split(leaves.len());
    let (left, right) = leaves.split_at(middle);
    let (mut path, beside) =
        if at < middle { (path(at, left), root(right)) } else { (path(at - middle, right), root(left)) };
    path.push(beside);
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_leaf_leads_to_the_root() {
        for count in 1..=17_usize {
            let leaves: Vec<_> = (0..count).map(|at| leaf(&at.to_le_bytes())).collect();
            for at in 0..count {
                // RFC 9162, section 2.1.3.2.
                let (mut number, mut last, mut hash) = (at, count - 1, leaves[at]);
                for beside in path(at, &leaves) {
                    assert!(last > 0);
                    if number % 2 == 1 || number == last {
                        hash = node(&beside, &hash);
                        while number % 2 == 0 && number > 0 {
                            (number, last) = (number >> 1, last >> 1);
                        }
                    } else {
                        hash = node(&hash, &beside);
                    }
                    (number, last) = (number >> 1, last >> 1);
                }
                assert_eq!((last, hash), (0, root(&leaves)), "{at} of {count}");
            }
        }
    }

    #[test]
    fn the_empty_tree_and_two_leaves_are_those_of_rfc_6962() {
        let hex = super::super::der::hex;
        assert!(hex(&root(&[])).starts_with("e3b0c44298fc1c14"));
        assert!(hex(&root(&[leaf(b"")])).starts_with("6e340b9cffb37a98"));
        assert!(hex(&root(&[leaf(b""), leaf(&[0])])).starts_with("fac54203e7cc696c"));
    }
}
