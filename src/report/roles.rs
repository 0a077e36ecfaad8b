//! What the labels mean, in our own words, and which article each meaning comes from.

/// One role as three articles describe it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Role {
    /// The label of the shipped model.
    pub label: &'static str,
    /// Its full name.
    pub name: &'static str,
    /// What the person's main output is.
    pub output: &'static str,
    /// What each article adds, with the article's number.
    pub says: &'static [(&'static str, &'static str)],
}

/// The articles by number.
pub const ARTICLES: [(&str, &str); 3] = [
    (
        "000",
        "a comparison of data scientist and machine learning engineer",
    ),
    (
        "001",
        "“ML engineer vs data scientist: differences and similarities”",
    ),
    (
        "002",
        "an article on the data scientist and the MLOps engineer",
    ),
];

/// The roles that articles define, and what is none of them.
pub const ROLES: [Role; 4] = [
    Role {
        label: "DS",
        name: "data scientist",
        output: "findings, decisions and candidate models",
        says: &[
            (
                "000",
                "finds business processes that machine learning could improve, works the data over and shows what is in it, talks to stakeholders; statistics, SQL, R or Python, notebooks, charts",
            ),
            (
                "001",
                "explores, cleans and understands the data, makes features, picks, trains and tests models, and hands a good one on",
            ),
            (
                "002",
                "turns a pain point into a question, gathers the data, compares models with a baseline, reports how accurate the best one is and what to do next",
            ),
        ],
    },
    Role {
        label: "MLE",
        name: "machine learning engineer",
        output: "models that run inside a product",
        says: &[
            (
                "000",
                "brings models into production, tests inference on many kinds of hardware, makes them faster and smaller, mends them; software engineering, deep-learning frameworks, serving runtimes",
            ),
            (
                "001",
                "designs the system around a model: services behind an API, feature pipelines over big data and streams, and their quality and performance",
            ),
            (
                "002",
                "makes sure with software tools that models scale and work as they should",
            ),
        ],
    },
    Role {
        label: "MLOps",
        name: "machine learning operations engineer",
        output: "the machinery on which other people’s models are built, shipped and kept running",
        says: &[(
            "002",
            "takes a model over from a data scientist, decides how often it is trained, tested and deployed, carries it into the application and tunes its data paths; containers and build servers",
        )],
    },
    Role {
        label: "Other",
        name: "none of these",
        output: "anything else, near to data or far from it",
        says: &[],
    },
];

/// The role that a model's label stands for, if articles define it.
#[must_use]
pub fn role_of(label: &str) -> Option<&'static Role> {
    ROLES.iter().find(|role| role.label == label)
}
