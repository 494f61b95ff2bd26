-- Who is signed in at the console, who may use its JSON, and what people did by hand. In the database, so that several consoles can serve one
-- address, and so that a restart signs nobody out.

create table console_sessions (
    -- The digest of the cookie.
    key        bytea primary key,
    -- For forms: another site cannot know it.
    csrf       text not null,
    -- The name that the password's user typed, or that the identity provider gave.
    who        text not null,
    -- viewer, operator or admin.
    role       text not null,
    -- password, proxy or oidc.
    way        text not null,
    created_at timestamptz not null default now(),
    until      timestamptz not null
);

-- Somebody has been sent to the identity provider and is expected back.
create table console_logins (
    -- The digest of the cookie.
    key      bytea primary key,
    -- What comes back in the address, in the token, and the secret that proves that we asked.
    state    text not null,
    nonce    text not null,
    verifier text not null,
    -- The page that was wanted.
    next     text not null,
    until    timestamptz not null
);

-- Wrong passwords and tokens, at all consoles together: one row, or none.
create table console_failures (
    only_row   boolean primary key default true check (only_row),
    failures   integer not null,
    wait_until timestamptz not null
);

-- Tokens of programs.
create table console_tokens (
    name         text primary key,
    -- The digest of the token, which is shown once.
    key          bytea not null unique,
    role         text not null,
    created_by   text not null,
    created_at   timestamptz not null default now(),
    -- To the hour.
    last_used_at timestamptz
);

-- What people and their programs did by hand. Ids, codes and masked numbers only.
create table audit (
    id       bigint generated always as identity primary key,
    at       timestamptz not null default now(),
    who      text not null,
    role     text not null,
    -- page, json or command.
    way      text not null,
    act      text not null,
    -- Of what: {"call": 3811600001, "to": "individual:2005"}.
    subject  jsonb not null default '{}',
    -- done, refused or failed. Null: it goes on, or its process ended before it was over.
    result   text,
    -- Why it was refused or has failed; or what came of it.
    detail   text,
    ended_at timestamptz
);
