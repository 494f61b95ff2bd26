# One small image with every program of Callbridge: the five workers, the operator's `callbridge` (which also serves the
# console) and the sandbox. The command of a container chooses the program: `docker run callbridge logger`.
#
#   docker build -t callbridge .
#
# It needs BuildKit, which is the default of today's engines (DOCKER_BUILDKIT=1 for older ones).

FROM rust:1-slim-trixie AS build
WORKDIR /src
# Line tables are useless without the sources, and function names are a quarter of a program's size (install -s).
ENV CARGO_PROFILE_RELEASE_DEBUG=false CARGO_PROFILE_RELEASE_STRIP=debuginfo
COPY . .
# Dependencies are kept between builds, so a change costs only our own crates. `touch` makes sure that those are always compiled:
# cargo compares the times of files, and in another checkout an older file may have other content. Tests and tools are not built,
# but cargo requires the manifests of all members of the workspace (.dockerignore lets no more of them in).
RUN --mount=type=cache,target=/usr/local/cargo/registry \
    --mount=type=cache,id=callbridge-target,target=/src/target,sharing=locked \
    find . -path ./target -prune -o -type f -exec touch {} + \
 && cargo build --release --locked -p ingest -p resolver -p logger -p insights -p followups -p ops -p sandbox --bins \
 && install -s -D -t /programs \
      target/release/ingest target/release/resolver target/release/logger target/release/insights \
      target/release/followups target/release/callbridge target/release/sandbox

FROM debian:trixie-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates tzdata \
 && rm -rf /var/lib/apt/lists/*
COPY --from=build /programs/ /usr/local/bin/
COPY deploy/compose/accounts /usr/local/bin/
# The default of the sandbox's --data is relative to this folder.
WORKDIR /usr/local/share/callbridge
COPY LICENSE ./
COPY sandbox/data/account.toml sandbox/data/
# A number, so that Kubernetes can check that it is not root (runAsNonRoot).
USER 10001:10001
EXPOSE 8080
# For a worker; the console and the sandbox listen on other addresses, which docker-compose.yml sets.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 CMD ["callbridge", "ready"]
ARG VERSION=unknown
ARG REVISION=unknown
LABEL org.opencontainers.image.title="Callbridge" \
      org.opencontainers.image.description="Carries every Aircall phone call onto the right record in Sellsy" \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION"
CMD ["callbridge", "--help"]
