//! TextGrids that Praat saves as text, long or short. Praat itself reads only the texts in quotes, the numbers that stand by
//! themselves and the flags in angle brackets; everything else is for people, and the only difference of the two forms.

use super::annotation::Annotation;

/// Whether `first` is the first line of a file of Praat.
pub(super) fn is_text_grid(first: &str) -> bool {
    first.contains("ooTextFile") || first.starts_with("ooBinaryFile")
}

/// The intervals of the tier `tier`, or of all tiers, that have a label: the others are what lies between. Points are in the
/// result, as intervals without a length.
pub(super) fn parse(text: &str, tier: Option<&str>) -> Result<Vec<Annotation>, String> {
    if text.starts_with("ooBinaryFile") {
        return Err("it is a binary file of Praat; save it with \"Save as text file...\"".into());
    }
    let mut tokens = Tokens { rest: text, line: 1 };
    // The type of the file, and that of the object unless it is in the first line as well.
    if !tokens.text()?.contains("TextGrid") && tokens.text()? != "TextGrid" {
        return Err("it is a file of Praat, but no TextGrid".into());
    }
    let (_start, _end) = (tokens.number()?, tokens.number()?);
    if tokens.flag()? != "exists" {
        return Err("it has no tiers".into());
    }
    let mut annotations = Vec::new();
    let mut names = Vec::new();
    for _ in 0..tokens.count()? {
        let (class, name) = (tokens.text()?, tokens.text()?);
        let (_start, _end) = (tokens.number()?, tokens.number()?);
        let is_wanted = tier.is_none_or(|wanted| wanted == name);
        for _ in 0..tokens.count()? {
            let start = tokens.number()?;
            let end = if class == "IntervalTier" { tokens.number()? } else { start.clone() };
            let label = tokens.text()?.trim().to_owned();
            if is_wanted && !label.is_empty() {
                let tier = name.clone();
                annotations.push(Annotation { line: tokens.line, start, end, label, tier, file: None });
            }
        }
        names.push(name);
    }
    match tier.filter(|wanted| !names.iter().any(|name| name == wanted)) {
        Some(wanted) => Err(format!("it has no tier {wanted:?}; it has {names:?}")),
        None => Ok(annotations),
    }
}

/// What Praat reads of a text.
struct Tokens<'a> {
    rest: &'a str,
    /// Line of the token read last, from 1.
    line: usize,
}

enum Token {
    Text(String),
    Number(String),
    Flag(String),
}

impl Tokens<'_> {
    fn text(&mut self) -> Result<String, String> {
        match self.next()? {
            Some(Token::Text(text)) => Ok(text),
            _ => Err(self.expected("a text in quotes")),
        }
    }

    /// A finite number, as it is written.
    fn number(&mut self) -> Result<String, String> {
        match self.next()? {
            Some(Token::Number(number)) => Ok(number),
            _ => Err(self.expected("a number")),
        }
    }

    fn flag(&mut self) -> Result<String, String> {
        match self.next()? {
            Some(Token::Flag(flag)) => Ok(flag),
            _ => Err(self.expected("a flag such as <exists>")),
        }
    }

    /// How many things follow. No memory is reserved for them.
    fn count(&mut self) -> Result<u64, String> {
        self.number()?.parse().map_err(|_| self.expected("a count"))
    }

    fn expected(&self, what: &str) -> String {
        format!("line {}: the TextGrid is damaged: {what} must be here", self.line)
    }

    /// The next token; `None` at the end.
    fn next(&mut self) -> Result<Option<Token>, String> {
        loop {
            let word_start = self.rest.trim_start();
            self.line += self.rest[..self.rest.len() - word_start.len()].matches('\n').count();
            self.rest = word_start;
            match self.rest.chars().next() {
                None => return Ok(None),
                Some('"') => return self.quoted().map(Some),
                Some('!') => self.rest = self.rest.find('\n').map_or("", |end| &self.rest[end..]),
                Some(_) => {
                    let end = self.rest.find(char::is_whitespace).unwrap_or(self.rest.len());
                    let word = &self.rest[..end];
                    self.rest = &self.rest[end..];
                    if let Some(flag) = word.strip_prefix('<').and_then(|word| word.strip_suffix('>')) {
                        return Ok(Some(Token::Flag(flag.into())));
                    }
                    let is_number = word.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c))
                        && word.parse::<f64>().is_ok_and(f64::is_finite);
                    if is_number {
                        return Ok(Some(Token::Number(word.into())));
                    }
                }
            }
        }
    }

    /// The text in quotes at the start; two quotes in it stand for one.
    fn quoted(&mut self) -> Result<Token, String> {
        let mut text = String::new();
        let mut rest = &self.rest[1..];
        loop {
            let Some(end) = rest.find('"') else { return Err(self.expected("the end of a text in quotes")) };
            text += &rest[..end];
            rest = &rest[end + 1..];
            match rest.strip_prefix('"') {
                Some(more) => {
                    text.push('"');
                    rest = more;
                }
                None => break,
            }
        }
        self.line += text.matches('\n').count();
        self.rest = rest;
        Ok(Token::Text(text))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const LONG: &str = r#"File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 60.5
tiers? <exists>
size = 2
item []:
    item [1]:
        class = "IntervalTier"
        name = "cry"
        xmin = 0
        xmax = 60.5
        intervals: size = 3
        intervals [1]:
            xmin = 0
            xmax = 12.5
            text = ""
        intervals [2]:
            xmin = 12.5
            xmax = 15.000000000000002
            text = "hungry ""now"" "
        intervals [3]:
            xmin = 15.000000000000002
            xmax = 60.5
            text = "tired"
    item [2]:
        class = "TextTier"
        name = "clicks"
        xmin = 0
        xmax = 60.5
        points: size = 1
        points [1]:
            number = 3
            mark = "door"
"#;

    const SHORT: &str = "File type = \"ooTextFile\"\r\nObject class = \"TextGrid\"\r\n\r\n0\r\n60.5\r\n<exists>\r\n2\r\n\
        \"IntervalTier\"\r\n\"cry\"\r\n0\r\n60.5\r\n3\r\n0\r\n12.5\r\n\"\"\r\n12.5\r\n15.000000000000002\r\n\"hungry \"\"now\"\" \"\r\n\
        15.000000000000002\r\n60.5\r\n\"tired\"\r\n\"TextTier\"\r\n\"clicks\"\r\n0\r\n60.5\r\n1\r\n3\r\n\"door\"\r\n";

    fn found(text: &str, tier: Option<&str>) -> Result<Vec<[String; 4]>, String> {
        Ok(parse(text, tier)?.into_iter().map(|a| [a.tier, a.start, a.end, a.label]).collect())
    }

    #[test]
    fn long_and_short_forms_say_the_same() {
        let expected = [
            ["cry", "12.5", "15.000000000000002", "hungry \"now\""],
            ["cry", "15.000000000000002", "60.5", "tired"],
            ["clicks", "3", "3", "door"],
        ];
        for text in [LONG, SHORT, &LONG.replace("xmin = 0\n", "xmin = 0 ! 7 seconds\n")] {
            assert!(is_text_grid(text.lines().next().unwrap()));
            assert_eq!(found(text, None).unwrap(), expected);
            assert_eq!(found(text, Some("cry")).unwrap(), expected[..2]);
            assert!(found(text, Some("word")).unwrap_err().contains("it has [\"cry\", \"clicks\"]"));
        }
        assert_eq!(parse(LONG, None).unwrap()[0].line, 22);
    }

    #[test]
    fn damaged_and_other_files_of_praat_are_refused() {
        for (text, expected) in [
            (LONG.replace("\"TextGrid\"", "\"PitchTier\""), "no TextGrid"),
            (LONG.replace("<exists>", "<absent>"), "no tiers"),
            (LONG.replace("size = 2\n", "size = 3\n"), "a text in quotes must be here"),
            (LONG.replace("size = 3\n", "size = 99999999999999\n"), "a number must be here"),
            (LONG.replace("xmax = 12.5", "xmax = nan"), "a number must be here"),
            (LONG.replace("\"door\"\n", "\"door\n"), "the end of a text in quotes must be here"),
            (LONG[..40].into(), "a text in quotes must be here"),
            ("ooBinaryFile\x08TextGrid".into(), "Save as text file"),
        ] {
            let error = found(&text, None).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
