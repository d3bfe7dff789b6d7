# Two stages: one that compiles, one that holds nothing but the result.
# Plain Dockerfile syntax, so that any engine builds it, with or without BuildKit.
# Where no image registry can be reached, scripts/base-images makes the image named here.
FROM golang:1.26 AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG VERSION=dev
# /out/fullbore is the server, /out/bench the harness that the soak service runs.
RUN CGO_ENABLED=0 go build -trimpath \
        -ldflags "-s -w -X fullbore/app/cli.version=${VERSION}" \
        -o /out/ . ./bench
# What will be the state folder; nothing can be made in an image without a shell.
RUN mkdir -p /state/fullbore

# No shell, no libc, no package manager: one static binary.
FROM scratch
COPY --from=build /out/fullbore /fullbore
# The watchdog's captures. A volume that is put here takes over the owner.
COPY --from=build --chown=65532:65532 /state /var/lib
# Only the public listener is opened to the outside; the admin listener stays on the
# container's loopback, or where FULLBORE_ADMIN puts it: that is where the health check asks.
ENV FULLBORE_LISTEN=:8080 \
    FULLBORE_ADMIN=127.0.0.1:8081 \
    FULLBORE_STATE_DIR=/var/lib/fullbore
USER 65532:65532
EXPOSE 8080
HEALTHCHECK --interval=5s --timeout=5s --start-period=10s --retries=3 CMD ["/fullbore", "health"]
ENTRYPOINT ["/fullbore"]
CMD ["serve", "/srv/files"]
