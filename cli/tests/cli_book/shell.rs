//! Just enough of a shell's language to find commands: words, quotes, comments, and what stands between commands.

/// The commands of a text, each as its words; redirections are left out. What is between `$(` and `)` is a word.
pub(crate) fn commands(text: &str) -> Vec<Vec<String>> {
    let mut reader = Reader::default();
    let mut letters = text.chars().peekable();
    while let Some(letter) = letters.next() {
        match (reader.quote, letter) {
            (Some(quote), _) if letter == quote => reader.quote = None,
            (Some('"') | None, '\\') => match letters.next() {
                Some('\n') | None => {}
                Some(next) => reader.push(next),
            },
            (Some(_), _) => reader.push(letter),
            (None, '\'' | '"') => reader.open(letter),
            (None, '$') if letters.peek() == Some(&'(') => substitution(&mut letters, &mut reader),
            (None, '#') if reader.word.is_none() => while letters.next_if(|next| *next != '\n').is_some() {},
            (None, '\n' | ';' | '|' | '&') => reader.end_command(),
            (None, '>' | '<') => reader.redirect(),
            (None, _) if letter.is_whitespace() => reader.end_word(),
            (None, _) => reader.push(letter),
        }
    }
    reader.end_command();
    reader.commands
}

fn substitution(letters: &mut std::iter::Peekable<std::str::Chars<'_>>, reader: &mut Reader) {
    let mut depth = 0;
    reader.push('$');
    for letter in letters.by_ref() {
        depth += i32::from(letter == '(') - i32::from(letter == ')');
        reader.push(letter);
        if depth == 0 {
            return;
        }
    }
}

#[derive(Default)]
struct Reader {
    commands: Vec<Vec<String>>,
    command: Vec<String>,
    word: Option<String>,
    quote: Option<char>,
    /// The next word is a file that is written or read.
    redirected: bool,
}

impl Reader {
    fn push(&mut self, letter: char) {
        self.word.get_or_insert_default().push(letter);
    }

    fn open(&mut self, quote: char) {
        self.quote = Some(quote);
        self.word.get_or_insert_default();
    }

    fn redirect(&mut self) {
        // The number of a stream belongs to the redirection.
        if self.word.as_deref().is_some_and(|word| word.parse::<u8>().is_ok()) {
            self.word = None;
        }
        self.end_word();
        self.redirected = true;
    }

    fn end_word(&mut self) {
        let Some(word) = self.word.take() else { return };
        if !std::mem::take(&mut self.redirected) {
            self.command.push(word);
        }
    }

    fn end_command(&mut self) {
        self.end_word();
        self.redirected = false;
        let command = std::mem::take(&mut self.command);
        if !command.is_empty() {
            self.commands.push(command);
        }
    }
}

#[test]
fn commands_are_found() {
    let text = "a 'b c' \"d\\\"\" | e > f 2>g # h\ni \\\n j; k $(l 'm' | n) && o --p=\"q r\"";
    let expected = [vec!["a", "b c", "d\""], vec!["e"], vec!["i", "j"], vec!["k", "$(l 'm' | n)"], vec!["o", "--p=q r"]];
    assert_eq!(commands(text), expected);
}
