//! What is said of mistakes in the file, in English and in French. `{0}`, `{1}` … stand for names, words of the file, or other sentences of these.

use crate::said::{Text, list, name};

/// `a, b or c`
pub(super) fn one_of(words: &[&str]) -> Text {
    match words {
        [] => name(""),
        [one] => name(one),
        [first @ .., last] => OR.with([list(first.iter().map(name), ", "), name(last)]),
    }
}

pub(super) fn write(what: impl Into<Text>) -> Text {
    WRITE.with([what.into()])
}

/// A line of a section's `lines`.
pub(super) fn line_of(section: &str) -> Text {
    A_LINE_OF.with([name(section)])
}

/// Of a name in the file: `it` in its marks.
pub(super) fn word(it: &str) -> Text {
    name(format_args!("`{it}`"))
}

crate::sentences! {
    pub(super),
    WRITE: "write {0}", "écrivez {0}";
    OR: "{0} or {1}", "{0} ou {1}";

    // Things of the file
    THE_LINE: "the line", "la ligne";
    THIS_LINE: "this line", "cette ligne";
    THIS_AGENT: "this agent", "cet agent";
    THIS_TAG: "this tag", "ce tag";
    A_TAG: "a tag", "un tag";
    A_LINE: "a line", "une ligne";
    A_LINE_OF: "a line of `{0}`", "une ligne de `{0}`";
    WHAT_A_TAG_MEANS: "what the tag means", "ce que le tag signifie";
    AGENTS_STAFF: "the agent's staff", "le collaborateur de l’agent";
    TASKS_STAFF: "the tasks' staff", "le collaborateur des tâches";
    LINES_STAFF: "the line's staff", "le collaborateur de la ligne";
    PROSPECTS_STAFF: "the prospects' staff", "le collaborateur des prospects";

    // The file as a whole
    UNREADABLE: "it cannot be read ({0})", "il ne peut pas être lu ({0})";
    NAME_A_FILE: "name a text file that this user may read", "indiquez un fichier texte que cet utilisateur peut lire";
    NO_TOML: "this is not TOML ({0})", "ce n’est pas du TOML ({0})";
    CORRECT: "correct it; strings are in quotes, a section begins with [name]", "corrigez-le ; les textes sont entre guillemets, une section commence par [nom]";
    NO_SECTION: "there is no section `{0}`", "il n’y a pas de section `{0}`";
    BEGIN_SECTION: "begin the section with [{0}]", "commencez la section par [{0}]";
    BEGIN: "begin it with [{0}]", "commencez-la par [{0}]";

    // Of any value
    NO_TABLE: "{0} is no table", "{0} : ce n’est pas une table";
    NO_KEY: "`{0}` is no key of {1}", "`{0}` : clé inconnue pour {1}";
    NO_SUCH_VALUE: "`{0}` has a value that it cannot have", "`{0}` a une valeur qui n’est pas permise";
    NO_TEXT: "`{0}` is no text", "`{0}` n’est pas un texte";
    NO_SPAN: "`{0}` is no span of time", "`{0}` n’est pas une durée";
    WRITE_SPAN: "write a span in quotes, such as \"30m\", \"2h\" or \"1d\"", "écrivez une durée entre guillemets, comme \"30m\", \"2h\" ou \"1d\"";
    NO_NAME: "{0} has no name", "{0} n’a pas de nom";
    WRITE_NAME: "write its name in quotes before the equals sign", "écrivez son nom entre guillemets avant le signe égal";
    TWICE: "{0} is named a second time (first in line {1})", "{0} figure deux fois (déjà ligne {1} du fichier)";
    ONE_LINE: "put both into one line; case and blanks around a name do not count", "réunissez les deux en une ligne ; la casse et les espaces autour d’un nom ne comptent pas";

    // Tags
    TAG_MEANS_NOTHING: "the tag means nothing", "le tag ne signifie rien";
    WRITE_TAG: "write \"Name\" = { topic = \"…\", result = \"…\" }, one of the two, or what the tag does: task, smart_tags, step", "écrivez \"Nom\" = { topic = \"…\", result = \"…\" }, l’un des deux, ou ce que fait le tag : task, smart_tags, step";
    TOPIC: "the topic's name in Sellsy, in quotes", "le nom du libellé dans Sellsy, entre guillemets";
    TITLE: "the title of the task, in quotes", "le titre de la tâche, entre guillemets";
    LABEL: "the name of a label of tasks in Sellsy, in quotes", "le nom d’un libellé de tâches dans Sellsy, entre guillemets";
    SMART_TAGS: "the smart-tag in quotes, or a list of them", "le smart-tag entre guillemets, ou une liste de smart-tags";
    TAGS: "the tag's name in Aircall in quotes, or a list of them", "le nom du tag dans Aircall entre guillemets, ou une liste de noms";
    ALONE: "`{0}` does nothing without `{1}`", "`{0}` ne fait rien sans `{1}`";
    ADD: "add `{0}`, or leave `{1}` out", "ajoutez `{0}`, ou retirez `{1}`";
    ADD_FROM: "add from = [\"…\"], the steps from which the opportunity may be moved", "ajoutez from = [\"…\"], les étapes depuis lesquelles l’opportunité peut être déplacée";
    NO_STEP: "`{0}` has something that is no step", "`{0}` contient quelque chose qui n’est pas une étape";
    WRITE_STEP: "write the step's name in Sellsy in quotes, or its id without", "écrivez le nom de l’étape dans Sellsy entre guillemets, ou son identifiant sans guillemets";

    // Agents and staffs
    NO_EMAIL: "the agent is no e-mail address", "l’agent n’est pas une adresse e-mail";
    WRITE_EMAIL: "write the agent's e-mail in Aircall, in quotes", "écrivez l’e-mail de l’agent dans Aircall, entre guillemets";
    NO_STAFF: "{0} is neither an e-mail address nor an id", "{0} : ce n’est ni une adresse e-mail ni un identifiant";
    WRITE_STAFF: "write the staff's e-mail in Sellsy in quotes, or the staff's id without", "écrivez l’e-mail du collaborateur dans Sellsy entre guillemets, ou son identifiant sans guillemets";

    // Calls and lines
    NO_LIST: "`ignore` is no list", "`ignore` n’est pas une liste";
    NO_NUMBER: "this is no phone number ({0})", "ce n’est pas un numéro de téléphone ({0})";
    NOT_TEXT: "this is no text", "ce n’est pas un texte";
    WRITE_NUMBERS: "write a list of numbers with + and the country code, in quotes", "écrivez une liste de numéros avec + et l’indicatif du pays, entre guillemets";
    WRITE_KIND: "write {0} = { missed = \"nobody\" }, or {0}.missed = \"nobody\"", "écrivez {0} = { missed = \"nobody\" }, ou {0}.missed = \"nobody\"";
    NO_DAYS: "no weekday has hours", "aucun jour de la semaine n’a d’horaires";
    NAME_DAYS: "name the days with hours, and {0}", "nommez les jours ouvrés, et {0}";
    NO_OUTSIDE: "it is not said what happens to calls outside of the hours", "il n’est pas dit ce que deviennent les appels hors des horaires";
    HOURS_ARE_A_LIST: "the hours of a day are a list", "les horaires d’un jour sont une liste";
    NO_HOURS: "these are no hours", "ce ne sont pas des horaires";
    WRITE_HOURS: "write a list such as [\"09:00-12:30\", \"14:00-18:00\"]", "écrivez une liste comme [\"09:00-12:30\", \"14:00-18:00\"]";
    HOURS_END: "{0}; a span ends after it begins, at 24:00 at the latest", "{0} ; une plage finit après son début, à 24:00 au plus tard";
    NO_COUNTRY: "`region` is no country", "`region` n’est pas un pays";
    WRITE_COUNTRY: "write its code of two letters, such as \"BE\"", "écrivez son code de deux lettres, comme \"BE\"";
    LINE_SAYS_NOTHING: "nothing is said of the line", "rien n’est dit de la ligne";
    WRITE_LINE: "write \"Name\" = { region = \"GB\", language = \"en\" }, or one of the two", "écrivez \"Nom\" = { region = \"GB\", language = \"en\" }, ou l’un des deux";

    // Messages and prospects
    TOO_LONG: "`after` is too long", "`after` est trop long";
    AT_MOST: "write 30m at most", "écrivez 30m au plus";
    NOBODY_BECOMES: "`unknown` does not say who becomes a prospect", "`unknown` ne dit pas qui devient un prospect";
    SAY_WHO: "write longer_than = \"30s\", tags = [\"…\"], or both; or prospects = \"off\"", "écrivez longer_than = \"30s\", tags = [\"…\"], ou les deux ; ou prospects = \"off\"";
}
