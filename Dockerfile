# One file, one target per service. Every target holds only what its own extra names: an agent has no SQLAlchemy.
#   docker build --target registry -t callboard-registry .
ARG PYTHON=python:3.13-slim-bookworm

FROM ${PYTHON} AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1 PIP_ROOT_USER_ACTION=ignore
RUN python -m venv /opt/callboard
WORKDIR /src

FROM ${PYTHON} AS base
RUN groupadd --gid 10001 callboard && useradd --uid 10001 --gid 10001 --create-home --home-dir /var/lib/callboard callboard
ENV PATH=/opt/callboard/bin:$PATH PYTHONPATH=/app PYTHONUNBUFFERED=1 PYTHONDONTWRITEBYTECODE=1
WORKDIR /app
COPY deploy/docker/healthy.py /usr/local/bin/healthy
USER callboard
STOPSIGNAL SIGTERM

FROM build AS build-registry
COPY requirements-registry.lock ./
RUN /opt/callboard/bin/pip install --require-hashes -r requirements-registry.lock

FROM build AS build-deployer
COPY requirements-deployer.lock ./
RUN /opt/callboard/bin/pip install --require-hashes -r requirements-deployer.lock

FROM build AS build-agent
COPY requirements-agent.lock ./
RUN /opt/callboard/bin/pip install --require-hashes -r requirements-agent.lock

FROM build AS build-console
COPY requirements-console.lock ./
RUN /opt/callboard/bin/pip install --require-hashes -r requirements-console.lock

FROM build AS build-sandbox
COPY requirements-sandbox.lock ./
RUN /opt/callboard/bin/pip install --require-hashes -r requirements-sandbox.lock

FROM base AS registry
COPY --from=build-registry /opt/callboard /opt/callboard
COPY shared shared
COPY services/__init__.py services/__init__.py
COPY services/registry services/registry
ENV CALLBOARD_HTTP_HOST=0.0.0.0 CALLBOARD_HTTP_PORT=8081
EXPOSE 8081
HEALTHCHECK --interval=5s --timeout=4s --start-period=30s --retries=5 CMD ["python", "/usr/local/bin/healthy", "8081"]
ENTRYPOINT ["python", "-m", "services.registry"]

FROM base AS deployer
COPY --from=build-deployer /opt/callboard /opt/callboard
COPY shared shared
COPY services/__init__.py services/__init__.py
COPY services/deployer services/deployer
# What the deployer brings to servers; none of it runs here.
COPY services/node_agent services/node_agent
COPY requirements-agent.lock ./
ENV CALLBOARD_HTTP_HOST=0.0.0.0 CALLBOARD_HTTP_PORT=8082
EXPOSE 8082
HEALTHCHECK --interval=5s --timeout=4s --start-period=30s --retries=5 CMD ["python", "/usr/local/bin/healthy", "8082"]
ENTRYPOINT ["python", "-m", "services.deployer"]

FROM base AS node-agent
COPY --from=build-agent /opt/callboard /opt/callboard
COPY shared shared
COPY services/__init__.py services/__init__.py
COPY services/node_agent services/node_agent
COPY deploy/docker/demo_join.py /opt/demo_join.py
ENV CALLBOARD_STATE_DIR=/var/lib/callboard/state CALLBOARD_SESSIONS_DIR=/var/lib/callboard/sessions
RUN mkdir -p /var/lib/callboard/state /var/lib/callboard/sessions
VOLUME /var/lib/callboard
HEALTHCHECK --interval=5s --timeout=4s --start-period=30s --retries=5 CMD ["python", "-m", "services.node_agent", "health"]
ENTRYPOINT ["python", "-m", "services.node_agent"]

FROM base AS console
COPY --from=build-console /opt/callboard /opt/callboard
COPY shared shared
COPY services/__init__.py services/__init__.py
COPY services/console services/console
ENV CALLBOARD_HTTP_HOST=0.0.0.0 CALLBOARD_HTTP_PORT=8080
EXPOSE 8080
HEALTHCHECK --interval=5s --timeout=4s --start-period=30s --retries=5 CMD ["python", "/usr/local/bin/healthy", "8080"]
ENTRYPOINT ["python", "-m", "services.console"]

FROM base AS telegram-sandbox
COPY --from=build-sandbox /opt/callboard /opt/callboard
COPY shared shared
COPY services/__init__.py services/__init__.py
COPY services/telegram_sandbox services/telegram_sandbox
COPY deploy/docker/demo_world.py /opt/demo_world.py
RUN mkdir -p /var/lib/callboard/sandbox
USER root
# A volume that is mounted here belongs to the services' user from its first use.
RUN install -d -o callboard -g callboard /sandbox
USER callboard
VOLUME /var/lib/callboard
EXPOSE 8443 8444
HEALTHCHECK --interval=5s --timeout=4s --start-period=30s --retries=5 CMD ["python", "/usr/local/bin/healthy", "8444"]
ENTRYPOINT ["python", "-m", "services.telegram_sandbox"]
