# syntax=docker/dockerfile:1

# What it stands on. A release names both by digest (.github/workflows/release.yml looks them up and
# passes them in, and the provenance of the image records them); a tag is for builds by hand.
ARG BUILD_IMAGE=node:22-bookworm-slim
ARG RUNTIME_IMAGE=gcr.io/distroless/nodejs22-debian12:nonroot

# The Node that will run it.
FROM ${RUNTIME_IMAGE} AS runtime

# Stage 1: build with everything, then keep what runs.
# On the builder's own platform: what it makes is JavaScript, the same for all but dist/code.
FROM --platform=${BUILDPLATFORM} ${BUILD_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json ./
# The only step with a network. What comes is what the lock file has hashes of, and none of it runs.
RUN npm ci --ignore-scripts
COPY scripts ./scripts
COPY src ./src
COPY proto ./proto
COPY examples ./examples
COPY schemas ./schemas
RUN --network=none npm run build
RUN --network=none npm prune --omit=dev --ignore-scripts --offline \
 && find node_modules -type d -empty -delete
# What V8 keeps of the program is for one Node on one architecture. An image for another than the builder's has none,
# and takes 1.6 times as long to start (docs/performance.md).
COPY --from=runtime /nodejs/bin/node /opt/runtime-node
ARG BUILDARCH
ARG TARGETARCH
RUN --network=none rm -r dist/code \
 && if [ "${TARGETARCH}" = "${BUILDARCH}" ]; then /opt/runtime-node scripts/save-code.mjs; fi

# Stage 2: Node and Offramp, no shell, no package manager, no root.
# Nothing is written below /app: a read-only root file system is fine.
FROM runtime
LABEL org.opencontainers.image.title="offramp" \
      org.opencontainers.image.description="Envoy Gateway extension server: traffic whose backend has gone away takes a decided, explained exit" \
      org.opencontainers.image.licenses="Apache-2.0"
WORKDIR /app
ENV NODE_ENV=production
# A snapshot is received, rewritten and sent in a few large pieces of memory. glibc gets each anew from the
# system, page by page, unless it keeps them (docs/performance.md).
ENV MALLOC_MMAP_MAX_=0 \
    MALLOC_TRIM_THRESHOLD_=2000000000 \
    MALLOC_TOP_PAD_=16777216
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/proto ./proto
COPY --from=build /app/examples ./examples
COPY --from=build /app/schemas ./schemas
COPY --from=build /app/dist ./dist
# By number: Kubernetes takes no name for a user that must not be root. The charts in deploy/ say the same.
USER 65532:65532
# The hook (gRPC), and metrics and probes (HTTP). The configuration decides, and has to name `grpc.address`: by
# default it is a socket below /app, where nothing can be written.
EXPOSE 5005 8080
# Flags and not NODE_OPTIONS, which stays free for whoever runs it.
ENTRYPOINT ["/nodejs/bin/node", "--max-semi-space-size=16", "--min-semi-space-size=8", "--no-memory-reducer", "--heap-growing-percent=300", "--no-allocation-site-pretenuring", "/app/dist/main.js"]
CMD ["serve", "--config", "/etc/offramp/offramp.yaml"]
