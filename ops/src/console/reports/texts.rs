//! The texts of the reports, in French and in English, as in [`super::super::texts`].

use super::super::texts::texts;

pub(super) fn in_french() -> &'static Texts {
    &FRENCH
}

pub(super) fn in_english() -> &'static Texts {
    &ENGLISH
}

texts! {
    title: "Rapports", "Reports";
    pages: "Pages des rapports", "Pages of the reports";
    overview: "Appels", "Calls";
    people: "Lignes, équipes, agents", "Lines, teams, agents";
    customers: "Clients", "Customers";
    conversations: "Conversations", "Conversations";
    today: "Aujourd’hui", "Today";
    or_month: "ou un mois", "or a month";
    show: "Afficher", "Show";
    months: "janvier février mars avril mai juin juillet août septembre octobre novembre décembre", "January February March April May June July August September October November December";
    weekdays: "lun. mar. mer. jeu. ven. sam. dim.", "Mon Tue Wed Thu Fri Sat Sun";
    of_day: "Le {}.", "On {}.";
    from_to: "Du {from} au {to}.", "From {from} to {to}.";
    since: "Les chiffres commencent le {}.", "The figures begin on {}.";
    computed: "Calculés le", "Computed on";
    to_compute: "Jours à calculer : {}.", "Days still to be computed: {}.";
    none_yet: "Aucun chiffre encore : followups les calcule à intervalles réguliers.", "No figures yet: followups computes them at regular intervals.";
    trend: "{} % par rapport à la période d’avant", "{} % against the period before";
    trend_note: "La comparaison porte sur les jours terminés et autant de jours avant la période.", "Compared are the days that are over, with as many before the period.";
    calls: "Appels", "Calls";
    inbound: "Entrants", "Inbound";
    outbound: "Sortants", "Outbound";
    reached: "Sortants aboutis", "Outbound answered";
    answered: "Répondus", "Answered";
    missed: "Manqués", "Missed";
    voicemail: "avec message vocal", "with a voicemail";
    not_called_back: "Non rappelés", "Not called back";
    not_called_back_note: "manqués, et personne n’a parlé à l’appelant dans les sept jours", "missed, and nobody has spoken with the caller within seven days";
    wait: "Attente moyenne", "Mean time to answer";
    wait_note: "{} en moins de 20 s", "{} within 20 s";
    talked: "Temps de parole", "Talk time";
    mean_talk: "{} par appel", "{} a call";
    of_inbound: "{} des entrants", "{} of the inbound ones";
    calls_a_day: "Appels par jour", "Calls a day";
    calls_a_week: "Appels par semaine", "Calls a week";
    week_of: "Semaine du {}", "Week of {}";
    day: "Jour", "Day";
    week: "Semaine", "Week";
    bars_summary: "{all} au total, au plus {most} par barre. Le tableau ci-dessous donne chaque barre.", "{all} in all, at most {most} in one bar. The table below has every bar.";
    by_hour: "Quand on vous appelle", "When people call you";
    by_hour_note: "Appels entrants par jour de la semaine et par heure ; plus c’est foncé, plus il y en a.", "Inbound calls by the day of the week and the hour; the darker, the more.";
    heat_title: "{at} : {calls} entrants, dont {missed} manqués", "{at}: {calls} inbound, {missed} of them missed";
    weekday: "Jour", "Day";
    times_to_answer: "Temps de réponse", "Time to answer";
    within: "En moins de {} s", "Within {} s";
    later: "Plus tard", "Later";
    share: "Part", "Share";
    lines: "Lignes", "Lines";
    teams: "Équipes", "Teams";
    agents: "Agents", "Agents";
    teams_note: "Un appel vers plusieurs équipes compte pour chacune ; Aircall ne donne les équipes que des appels entrants.", "A call to several teams counts for each; Aircall names the teams of inbound calls only.";
    agents_note: "Un appel manqué n’est à personne : il compte pour sa ligne et son équipe.", "A missed call is nobody’s: it counts for its line and its team.";
    companies: "Sociétés", "Companies";
    opportunities: "Opportunités", "Opportunities";
    customers_note: "Gardés aussi longtemps que les appels (RETENTION_DAYS). Les particuliers n’y sont pas.", "Kept as long as the calls (RETENTION_DAYS). Private persons are not among them.";
    who_calls: "Qui appelle", "Who calls";
    known: "Connus dans Sellsy", "Known in Sellsy";
    first_contact: "Premiers contacts", "First contacts";
    other_callers: "Autres (rappels d’inconnus, numéros masqués)", "Others (unknown callers again, withheld numbers)";
    first_note: "Premier contact : Sellsy ne connaissait pas le numéro, et il n’avait pas encore appelé.", "A first contact: Sellsy did not have the number, and it had not called before.";
    what_is_written: "Ce qui est noté", "What is written down";
    tagged: "Avec un tag", "With a tag";
    noted: "Avec une note", "With a note";
    with_insights: "Avec des analyses IA", "With AI insights";
    moods: "Humeur des correspondants", "How callers feel";
    moods_note: "Selon l’IA d’Aircall, là où elle en dit quelque chose.", "By Aircall’s AI, where it says something of it.";
    positive: "Positive", "Positive";
    neutral: "Neutre", "Neutral";
    negative: "Négative", "Negative";
    topics: "Sujets", "Topics";
    topics_note: "Selon l’IA d’Aircall, s’ils apparaissent dans trois appels au moins ; gardés aussi longtemps que les appels.", "By Aircall’s AI, if at least three calls have them; kept as long as the calls.";
    nothing: "Rien dans cette période.", "Nothing in this period.";
    first_rows: "Les {} premiers ; la feuille CSV les a tous.", "The first {}; the CSV sheet has all.";
}

#[cfg(test)]
mod tests {
    #[test]
    fn both_languages_have_every_text() {
        super::super::super::texts::check(super::ALL);
    }
}
