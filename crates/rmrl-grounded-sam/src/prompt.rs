//! The prompt of Grounding DINO, as words and as tokens.

use std::path::Path;

use rmrl_files::open_regular_file;
use tokenizers::Tokenizer;
use tokenizers::decoders::wordpiece::WordPiece as WordPieceDecoder;
use tokenizers::models::wordpiece::WordPiece;
use tokenizers::normalizers::BertNormalizer;
use tokenizers::pre_tokenizers::bert::BertPreTokenizer;
use tokenizers::processors::bert::BertProcessing;

use crate::GroundedSamError;
use crate::network::guarded_tokenizer;

/// Special tokens of BERT's vocabulary: beginning, end, and the full stop that separates phrases.
const BEGIN: u32 = 101;
const END: u32 = 102;
const STOP: u32 = 1012;

/// The largest tokenizer file: BERT's has 0.7 MB.
const MAX_TOKENIZER_BYTES: u64 = 16 << 20;

/// The phrases of a prompt: separated by full stops, in lower case, without empty ones.
pub(crate) fn phrases(prompt: &str) -> Vec<String> {
    let phrases = prompt.split('.').map(|phrase| phrase.trim().to_lowercase());
    phrases.filter(|phrase| !phrase.is_empty()).collect()
}

/// A tokenized prompt.
pub(crate) struct Prompt {
    tokenizer: Tokenizer,
    ids: Vec<u32>,
}

impl Prompt {
    /// Tokenizes `text`, to `limit` tokens at most, with `tokenizer.json` in `directory` or, if it is missing, with
    /// `vocab.txt`.
    pub fn open(directory: &Path, text: &str, limit: usize) -> Result<Self, GroundedSamError> {
        let whole = directory.join("tokenizer.json");
        let (file, tokenizer) = if whole.exists() {
            let tokenizer = read(&whole, |file| Tokenizer::from_file(file))?;
            (whole, tokenizer)
        } else {
            let vocabulary = directory.join("vocab.txt");
            let tokenizer = read(&vocabulary, bert_uncased)?;
            (vocabulary, tokenizer)
        };
        let wrong = |reason: String| GroundedSamError::Tokenizer { file: file.clone(), reason };
        // Upstream separates phrases by ". " and ends the last one with a full stop, too.
        let text = phrases(text).join(". ") + ".";
        let encoding = guarded_tokenizer(|| tokenizer.encode(text.as_str(), true))
            .and_then(|encoding| encoding.map_err(|error| error.to_string()))
            .map_err(wrong)?;
        let ids = encoding.get_ids().to_vec();
        if !matches!(ids[..], [BEGIN, .., STOP, END]) {
            return Err(wrong(format!(
                "it turns {text:?} into {ids:?}, expected {BEGIN}, ..., {STOP}, {END} as bert-base-uncased"
            )));
        }
        if ids.len() > limit {
            return Err(GroundedSamError::PromptTooLong { tokens: ids.len(), limit });
        }
        Ok(Self { tokenizer, ids })
    }

    /// The tokens' ids.
    pub fn ids(&self) -> &[u32] {
        &self.ids
    }

    /// The words at `positions` of the prompt, without full stops and special tokens.
    pub fn words_at(&self, positions: impl Iterator<Item = usize>) -> String {
        let ids: Vec<u32> = positions
            .filter_map(|position| self.ids.get(position).copied())
            .filter(|id| ![BEGIN, END, STOP].contains(id))
            .collect();
        // All tokens come from this tokenizer, so each has a word.
        self.tokenizer.decode(&ids, true).unwrap_or_default()
    }
}

fn read(
    file: &Path,
    open: impl FnOnce(&Path) -> tokenizers::Result<Tokenizer>,
) -> Result<Tokenizer, GroundedSamError> {
    let path = file.to_path_buf();
    let found = open_regular_file(file, u64::MAX).and_then(|opened| opened.metadata());
    let bytes = match found {
        Ok(metadata) => metadata.len(),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let expected = "the tokenizer, as tokenizer.json or vocab.txt";
            return Err(GroundedSamError::Missing { file: path, expected });
        }
        Err(source) => return Err(GroundedSamError::Read { file: path, source }),
    };
    if bytes > MAX_TOKENIZER_BYTES {
        return Err(GroundedSamError::TooLarge { file: path, bytes, limit: MAX_TOKENIZER_BYTES });
    }
    let mut tokenizer = guarded_tokenizer(|| open(file))
        .and_then(|tokenizer| tokenizer.map_err(|error| error.to_string()))
        .map_err(|reason| GroundedSamError::Tokenizer { file: path, reason })?;
    // A file from a training may request padding.
    tokenizer.with_padding(None);
    Ok(tokenizer)
}

/// The tokenizer of `bert-base-uncased` with its vocabulary.
fn bert_uncased(vocabulary: &Path) -> tokenizers::Result<Tokenizer> {
    let words = WordPiece::read_file(&vocabulary.to_string_lossy())?;
    let model = WordPiece::builder().vocab(words).unk_token("[UNK]".into()).build()?;
    let mut tokenizer = Tokenizer::new(model);
    tokenizer
        .with_normalizer(Some(BertNormalizer::default()))
        .with_pre_tokenizer(Some(BertPreTokenizer))
        .with_post_processor(Some(BertProcessing::new(
            ("[SEP]".into(), END),
            ("[CLS]".into(), BEGIN),
        )))
        .with_decoder(Some(WordPieceDecoder::default()));
    Ok(tokenizer)
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::*;

    fn fixture() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/grounding_dino")
    }

    #[test]
    fn prompts_are_phrases_in_lower_case() {
        assert_eq!(phrases(" Black cell plate"), ["black cell plate"]);
        assert_eq!(phrases("a cat. A Dog ."), ["a cat", "a dog"]);
        assert!(phrases(" . ..").is_empty());
    }

    /// Compared with transformers' tokenizer, for both files.
    #[test]
    fn tokens_match_upstream() {
        #[derive(serde::Deserialize)]
        struct Expected {
            tokens: Vec<Tokens>,
        }
        #[derive(serde::Deserialize)]
        struct Tokens {
            text: String,
            ids: Vec<u32>,
        }
        let expected = std::fs::read(fixture().join("../expected.json")).unwrap();
        let expected: Expected = serde_json::from_slice(&expected).unwrap();
        let by_json = read(&fixture().join("tokenizer.json"), |file| Tokenizer::from_file(file));
        let by_words = read(&fixture().join("vocab.txt"), bert_uncased);
        for tokenizer in [by_json.unwrap(), by_words.unwrap()] {
            for case in &expected.tokens {
                let ids = tokenizer.encode(case.text.as_str(), true).unwrap().get_ids().to_vec();
                assert_eq!(ids, case.ids, "{:?}", case.text);
            }
        }
        assert!(expected.tokens.len() > 5);
    }

    #[test]
    fn words_come_without_special_tokens() {
        let prompt = Prompt::open(&fixture(), "Black cell plates. a remote", 256).unwrap();
        let all = 0..prompt.ids().len();
        assert_eq!(prompt.words_at(all), "black cell plates a remote");
        assert_eq!(prompt.words_at([2, 99].into_iter()), "cell");
        let too_long = Prompt::open(&fixture(), "black cell plate", 5);
        assert!(matches!(too_long, Err(GroundedSamError::PromptTooLong { tokens: 6, limit: 5 })));
    }

    #[test]
    fn invalid_tokenizers_are_refused_with_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        let error = |name: &str, content: &str| {
            std::fs::write(folder.path().join(name), content).unwrap();
            let error = Prompt::open(folder.path(), "plate", 256).err().unwrap();
            std::fs::remove_file(folder.path().join(name)).unwrap();
            error.to_string()
        };
        assert!(error("tokenizer.json", "{}").contains("tokenizer.json is no tokenizer"));
        assert!(error("tokenizer.json", "\u{0}").contains("tokenizer.json is no tokenizer"));
        let other = error("vocab.txt", "[UNK]\nplate\n.\n");
        assert!(other.contains("as bert-base-uncased"), "{other}");
        let none = Prompt::open(folder.path(), "plate", 256).err().unwrap().to_string();
        assert!(none.contains("vocab.txt is missing"), "{none}");
    }
}
