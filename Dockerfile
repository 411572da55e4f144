# Compiles on the builder's own architecture for the image's. Built by make image, which
# says the version: there is no git in the context.
FROM --platform=$BUILDPLATFORM golang:1.26-alpine AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
ARG TARGETOS TARGETARCH VERSION REVISION COMMITTED
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -ldflags "-s -w${VERSION:+ -X main.release=$VERSION}${REVISION:+ -X main.revision=$REVISION}${COMMITTED:+ -X main.committed=$COMMITTED}" -o /berth .

# Certificates, time zones and the user 65532; no shell.
FROM gcr.io/distroless/static-debian12:nonroot
ARG VERSION REVISION
LABEL org.opencontainers.image.title="berth" \
      org.opencontainers.image.description="Gives every Konflux Component its repository, robot accounts and Secrets at Quay" \
      org.opencontainers.image.version=$VERSION \
      org.opencontainers.image.revision=$REVISION
COPY --from=build /berth /berth
USER 65532:65532
ENTRYPOINT ["/berth"]
