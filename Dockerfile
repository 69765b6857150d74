# The image of vnet, for `vnet node` and every other command: docker build -t vnet .
# It has no HEALTHCHECK, because the command decides what is healthy; deploy/kubernetes has probes.
# CHANGE, or --build-arg: pin both images by digest (NAME@sha256:...) for builds that repeat.
ARG NODE_IMAGE=node:22-bookworm
ARG NODE_SLIM_IMAGE=node:22-bookworm-slim

# For .devcontainer: the programs of the course's checks.
FROM ${NODE_IMAGE} AS dev
RUN apt-get update && apt-get install -y --no-install-recommends ethtool iproute2 iputils-ping libpcap0.8 tcpdump \
  && rm -rf /var/lib/apt/lists/*
USER node

FROM ${NODE_IMAGE} AS build
WORKDIR /vnet
COPY . .
RUN npm ci --ignore-scripts && node scripts/setup.mjs && npm prune --omit=dev --ignore-scripts \
  && rm -rf packages/*/src packages/*/test

FROM ${NODE_SLIM_IMAGE}
ARG VERSION=
ARG REVISION=
LABEL org.opencontainers.image.title="vnet" \
  org.opencontainers.image.description="Network emulation and fault injection for tests, and Linux network drivers in TypeScript, on real TAP interfaces" \
  org.opencontainers.image.licenses="MIT" \
  org.opencontainers.image.version="${VERSION}" \
  org.opencontainers.image.revision="${REVISION}"
# For filters of pcap-filter(7).
RUN apt-get update && apt-get install -y --no-install-recommends libpcap0.8 && rm -rf /var/lib/apt/lists/*
WORKDIR /vnet
COPY --from=build /vnet/package.json ./
COPY --from=build /vnet/node_modules ./node_modules
COPY --from=build /vnet/dist ./dist
COPY --from=build /vnet/build/Release/vnet* ./build/Release/
COPY --from=build /vnet/deploy ./deploy
COPY --from=build /vnet/packages ./packages
ENTRYPOINT ["node", "/vnet/dist/vnet.js"]
