# syntax=docker/dockerfile:1

FROM node:26-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json vite.config.ts ./
COPY src ./src
RUN npm run build
# the optional packages are Node itself, which the image brings
RUN npm prune --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund

FROM node:26-bookworm-slim
ENV NODE_ENV=production \
    BURST_CONFIG=/app/config/burst.yaml \
    BURST_DATABASE=/data/burst.sqlite
WORKDIR /app
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/dist ./dist
COPY package.json LICENSE ./
COPY config ./config
COPY manifests/slack ./manifests/slack
# Nothing is written but the database: the root file system may be read-only.
RUN install -d -o 1000 -g 1000 -m 0700 /data
VOLUME /data
USER 1000:1000
EXPOSE 3000 9090
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:9090/healthz').then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# a small nursery, and a heap that grows by 70 % at most between two collections: filling the caches of a large cluster makes
# garbage that would else stay for long
ENTRYPOINT ["node", "--max-semi-space-size=8", "--heap-growing-percent=70", "dist/main.js"]
CMD ["start"]
