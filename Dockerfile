# Compiles on the builder's own architecture for the image's. Built by make image, which
# says the version: there is no git in the context.
ARG GO_IMAGE=golang:1.26-alpine
ARG BASE_IMAGE=gcr.io/distroless/static-debian12:nonroot
FROM --platform=$BUILDPLATFORM $GO_IMAGE AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY . .
ARG TARGETOS TARGETARCH VERSION REVISION COMMITTED
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 GOOS=$TARGETOS GOARCH=$TARGETARCH \
    go build -trimpath -ldflags "-s -w${VERSION:+ -X main.release=$VERSION}${REVISION:+ -X main.revision=$REVISION}${COMMITTED:+ -X main.committed=$COMMITTED}" -o /berth .

# Certificates, time zones and the user 65532; no shell.
FROM $BASE_IMAGE
ARG VERSION REVISION CREATED SOURCE VENDOR
ARG SUMMARY="Gives every Konflux Component its repository, robot accounts and Secrets at Quay"
LABEL org.opencontainers.image.title="berth" \
      org.opencontainers.image.description="$SUMMARY" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.created="$CREATED" \
      org.opencontainers.image.source="$SOURCE" \
      org.opencontainers.image.vendor="$VENDOR" \
      name="berth" \
      com.redhat.component="berth" \
      version="$VERSION" \
      release="$REVISION" \
      summary="$SUMMARY" \
      description="$SUMMARY" \
      vendor="$VENDOR" \
      maintainer="$VENDOR" \
      url="$SOURCE" \
      io.k8s.display-name="Berth" \
      io.k8s.description="$SUMMARY"
COPY --from=build /berth /berth
USER 65532:65532
ENTRYPOINT ["/berth"]
