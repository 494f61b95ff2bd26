# One small image with every program of Callbridge: the four workers, the operator's `callbridge` (which is the console as
# well) and the sandbox. Its command says which of them a container is: `docker run callbridge logger`.
#
#   docker build -t callbridge .
#
# It needs BuildKit, which today's engines use by themselves (DOCKER_BUILDKIT=1 for older ones).

FROM rust:1-slim-trixie AS build
WORKDIR /src
# Line tables are of no use without the sources, and the names of functions are a quarter of a program (install -s).
ENV CARGO_PROFILE_RELEASE_DEBUG=false CARGO_PROFILE_RELEASE_STRIP=debuginfo
COPY . .
# Dependencies are kept between builds, so a change costs no more than our own crates. Those are always compiled, hence `touch`: cargo
# goes by the time of a file, and in another checkout an older file may be another one. Tests and tools are not built, but the
# workspace wants to see their manifests (.dockerignore lets no more of them in).
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,id=callbridge-target,target=/src/target,sharing=locked \
    find . -path ./target -prune -o -type f -exec touch {} + \
 && cargo build --release --locked -p ingest -p resolver -p logger -p insights -p ops -p sandbox --bins \
 && install -s -D -t /programs \
      target/release/ingest target/release/resolver target/release/logger target/release/insights \
      target/release/callbridge target/release/sandbox

FROM debian:trixie-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates tzdata \
 && rm -rf /var/lib/apt/lists/*
COPY --from=build /programs/ /usr/local/bin/
COPY deploy/compose/accounts /usr/local/bin/
# Where the sandbox looks for its accounts if not told otherwise.
WORKDIR /usr/local/share/callbridge
COPY LICENSE ./
COPY sandbox/data/account.toml sandbox/data/
# A number, so that whoever forbids root can see that this is not.
USER 10001:10001
EXPOSE 8080
# Of the worker in this container; the console and the sandbox have other addresses.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["callbridge", "ready"]
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Callbridge" \
      org.opencontainers.image.description="Carries every Aircall phone call onto the right record in Sellsy" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
CMD ["callbridge", "--help"]
