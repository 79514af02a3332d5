//! What can be asked, in words: one line a command in the overview, and a page with an example for each.

/// A command: the words that name it, the options it takes besides the common ones, and how it is told.
#[derive(Debug)]
pub(crate) struct Spec {
    /// What is typed.
    pub(crate) words: &'static [&'static str],
    /// What follows, as shown.
    pub(crate) usage: &'static str,
    /// Options it takes.
    pub(crate) options: &'static [&'static str],
    /// Arguments without a name it takes at most.
    pub(crate) arguments: usize,
    /// In a line.
    pub(crate) what: &'static str,
    /// More about it.
    pub(crate) more: &'static str,
    /// As it is used.
    pub(crate) example: &'static str,
}

/// Options every command takes.
pub(crate) const COMMON: [&str; 7] = ["url", "token", "token-file", "json", "yes", "limit", "help"];
/// Options without a value.
pub(crate) const FLAGS: [&str; 8] = ["json", "yes", "help", "stuck", "waiting", "dry-run", "keep", "release"];
/// Options with a value.
pub(crate) const VALUES: [&str; 19] = [
    "url",
    "token",
    "token-file",
    "limit",
    "tenant",
    "reason",
    "date",
    "amount",
    "currency",
    "key",
    "carrier",
    "e164",
    "name",
    "agent",
    "on-end",
    "csv",
    "file",
    "from",
    "to",
];

/// All commands, in reading order.
pub(crate) const COMMANDS: [Spec; 20] = [
    Spec {
        words: &["operations"],
        usage: "[--stuck | --waiting]",
        options: &["stuck", "waiting"],
        arguments: 0,
        what: "work that needs a person (the default), or waits for one",
        more: "Exits 1 when something is stuck.",
        example: "operations --stuck",
    },
    Spec {
        words: &["resume"],
        usage: "OPERATION",
        options: &[],
        arguments: 1,
        what: "let a stuck operation go on from where it is",
        more: "It looks at the carrier and the platform before it does anything there.",
        example: "resume op_0192a6b0c5d17e3f8a9b0c1d2e3f4a5b",
    },
    Spec {
        words: &["complete"],
        usage: "OPERATION [--file FILE]",
        options: &["file"],
        arguments: 1,
        what: "say that what an operation waits for was done by hand",
        more: "A number that was ordered in the carrier's panel is told by a JSON file, {\"e164\",\"carrier_number_id\"?,\"sip\":{\"host\",\
               \"username\",\"password\",\"register\",\"signalling_cidrs\"}}; that none can be had, by \
               {\"refused\":\"why\"}; of one that was cancelled there is nothing to tell.",
        example: "complete op_0192a6b0c5d17e3f8a9b0c1d2e3f4a5b --file number.json",
    },
    Spec {
        words: &["parked"],
        usage: "",
        options: &[],
        arguments: 0,
        what: "numbers set aside because they do not agree with the world",
        more: "They are neither charged nor released. Exits 1 when there are any.",
        example: "parked",
    },
    Spec {
        words: &["park"],
        usage: "NUMBER --tenant T --reason R",
        options: &["tenant", "reason"],
        arguments: 1,
        what: "set a number aside",
        more: "It goes on serving; nothing is charged for it and nothing releases it until it is resolved.",
        example: "park num_0192a6b0c5d17e3f8a9b0c1d2e3f4a5b --tenant acme --reason 'the carrier lists it twice'",
    },
    Spec {
        words: &["resolve"],
        usage: "NUMBER --tenant T --keep|--release --reason R",
        options: &["tenant", "keep", "release", "reason"],
        arguments: 1,
        what: "end a number's parking: keep it, or release it",
        more: "",
        example: "resolve num_0192a6b0c5d17e3f8a9b0c1d2e3f4a5b --tenant acme --keep --reason 'the carrier confirmed it'",
    },
    Spec {
        words: &["ledger", "verify"],
        usage: "[--tenant T]",
        options: &["tenant"],
        arguments: 0,
        what: "whether every wallet is the sum of its entries and holds",
        more: "What one request has no time for is checked tenant by tenant. Exits 1 when something does not add up, or could\n\
               not be checked.",
        example: "ledger verify",
    },
    Spec {
        words: &["reconcile"],
        usage: "[--dry-run]",
        options: &["dry-run"],
        arguments: 0,
        what: "compare the books with carriers and platforms, and repair what is safe to repair",
        more: "With --dry-run nothing is repaired. A run that takes longer is followed to its end. Exits 1 while something it\n\
               found is not repaired.",
        example: "reconcile --dry-run",
    },
    Spec {
        words: &["reconcile", "latest"],
        usage: "",
        options: &[],
        arguments: 0,
        what: "what the latest comparison found",
        more: "Exits 1 while something it found is not repaired.",
        example: "reconcile latest --json",
    },
    Spec {
        words: &["agreement"],
        usage: "[DATE]",
        options: &[],
        arguments: 1,
        what: "how far the books agreed with each carrier and platform on a day (today)",
        more: "Exits 1 when there are exceptions that were not repaired.",
        example: "agreement 2027-01-31",
    },
    Spec {
        words: &["billing", "preview"],
        usage: "[--date D]",
        options: &["date"],
        arguments: 0,
        what: "what charging on a day would come to, wallet by wallet",
        more: "Moves nothing.",
        example: "billing preview --date 2027-02-01",
    },
    Spec {
        words: &["renew"],
        usage: "[--dry-run]",
        options: &["dry-run"],
        arguments: 0,
        what: "charge what begins today, or only say what that would be",
        more: "What the hourly tick does, at once. A day that was sent out is sent no second time.",
        example: "renew --dry-run",
    },
    Spec {
        words: &["dun"],
        usage: "[--dry-run]",
        options: &["dry-run"],
        arguments: 0,
        what: "go on with overdue numbers, or only say what would become of them",
        more: "What the hourly tick does, at once. A day that was sent out is sent no second time.",
        example: "dun --dry-run",
    },
    Spec {
        words: &["margin"],
        usage: "--tenant T [--currency C]",
        options: &["tenant", "currency"],
        arguments: 0,
        what: "what a tenant's numbers brought in against what their carriers charged",
        more: "",
        example: "margin --tenant acme",
    },
    Spec {
        words: &["tenants"],
        usage: "",
        options: &[],
        arguments: 0,
        what: "all tenants, with what they hold and have",
        more: "",
        example: "tenants --limit 1000",
    },
    Spec {
        words: &["plan"],
        usage: "PLAN --tenant T",
        options: &["tenant"],
        arguments: 1,
        what: "move a tenant to a plan",
        more: "",
        example: "plan PRO --tenant acme",
    },
    Spec {
        words: &["adjust"],
        usage: "--tenant T --amount A --currency C --reason R [--key K]",
        options: &["tenant", "amount", "currency", "reason", "key"],
        arguments: 0,
        what: "put money into a wallet, or (a negative amount) take it out",
        more: "The Idempotency-Key is printed before anything is sent. If the answer is lost, the same command with --key books\n\
               it once.",
        example: "adjust --tenant acme --amount 5.00 --currency USD --reason 'Outage of 3 May'",
    },
    Spec {
        words: &["import"],
        usage: "--carrier C --e164 N --tenant T [--name N] [--agent A] [--on-end detach|release] | --csv FILE; [--dry-run] [--key K]",
        options: &["carrier", "e164", "tenant", "name", "agent", "on-end", "csv", "dry-run", "key"],
        arguments: 0,
        what: "give tenants numbers the operator's accounts have already: one, or a file of them",
        more: "A file has a header row: e164 and tenant_id, and optionally carrier (twilio or vapi), name, agent_id and on_end. If a row\n\
               cannot be meant so, nothing is sent. Every row is tried dry first, then imported under a key made of its content:\n\
               the same file again imports nothing twice. A row whose import failed answers that failure for ever; give --key\n\
               another word once its cause is gone. Exits 1 when rows were refused or still run.",
        example: "import --csv numbers.csv --dry-run",
    },
    Spec {
        words: &["migrate"],
        usage: "FILE [--dry-run] [--key K]",
        options: &["dry-run", "key"],
        arguments: 1,
        what: "buy every agent of a list its number, at its tenant's cost",
        more: "A file has a header row: tenant_id and agent_id, and optionally e164, or country, type and area_code (none of\n\
               them: the deployment's default), and name, method, project_id, fallback and all_or_nothing. If a row cannot be\n\
               meant so, nothing is sent. With --dry-run it is said what would be bought and what that costs, tenant by tenant.\n\
               An agent that has a number is left alone, and every row has a key made of its content: the same file again goes\n\
               on where it was stopped and buys nothing twice. A row whose purchase failed answers that failure for ever; give\n\
               --key another word once its cause is gone, and have what was bought and not linked linked before. Exits 1 when\n\
               rows were refused, still run, or have a number that their agent does not answer.",
        example: "migrate agents.csv --dry-run",
    },
    Spec {
        words: &["audit"],
        usage: "[--from D] [--to D]",
        options: &["from", "to"],
        arguments: 0,
        what: "what operators did, and why",
        more: "",
        example: "audit --from 2027-01-01 --to 2027-02-01",
    },
];

const OPTIONS: &str = "\
Options of every command:
    --url URL          where the API is (TRUNKLINE_URL, or http://127.0.0.1:3000)
    --token TOKEN      the operator's token (TRUNKLINE_TOKEN; a local system gives one)
    --token-file FILE  the same, from a file
    --json             the API's JSON on stdout, and nothing else there
    --yes              do not ask
    --limit N          so many items of a list at most
    --help             this; after a command, more about it

Exit codes: 0 done and good · 1 it found something · 2 wrong use, or not confirmed · 3 the API refused · 4 no usable answer
";

/// All commands.
pub(crate) fn overview() -> String {
    let name = |spec: &Spec| spec.words.join(" ");
    let width = COMMANDS.iter().map(|spec| name(spec).len()).max().unwrap_or(0);
    let mut text = "The operator's command line of Trunkline.\n\n    trunkline COMMAND [options]\n\n".to_owned();
    text.extend(COMMANDS.iter().map(|spec| format!("    {:width$}  {}\n", name(spec), spec.what)));
    text + "\n" + OPTIONS
}

impl Spec {
    /// How it is called.
    pub(crate) fn synopsis(&self) -> String {
        format!("trunkline {} {}", self.words.join(" "), self.usage).trim_end().to_owned()
    }

    /// Its page.
    pub(crate) fn page(&self) -> String {
        let mut what = self.what.chars();
        let what = what.next().map(|first| first.to_uppercase().to_string() + what.as_str()).unwrap_or_default();
        let more = if self.more.is_empty() { String::new() } else { format!("{}\n", self.more) };
        let (synopsis, example) = (self.synopsis(), self.example);
        format!("{what}.\n\n    {synopsis}\n\n{more}Example:\n\n    trunkline {example}\n\n{OPTIONS}")
    }
}
