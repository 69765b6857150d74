# The image of vnet, for `vnet node` and every other command: docker build -t vnet .
# For .devcontainer: the programs of the course's checks.
FROM node:22-bookworm AS dev
RUN apt-get update && apt-get install -y --no-install-recommends ethtool iproute2 iputils-ping libpcap0.8 tcpdump \
  && rm -rf /var/lib/apt/lists/*
USER node

FROM node:22-bookworm AS build
WORKDIR /vnet
COPY . .
RUN npm ci --ignore-scripts && node scripts/setup.mjs && npm prune --omit=dev --ignore-scripts

FROM node:22-bookworm-slim
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
