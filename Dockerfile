# One image for all processes; the command says which: web, worker, scheduler, migrate or up. `web` and `up` listen beyond the
# container's loopback, and start once EVERSPARK_BEHIND_TLS=true says that something before them ends TLS. What traces need is in
# requirements.txt, and so in the image.
FROM python:3.13-slim AS build
WORKDIR /build
COPY requirements.txt ./
RUN python -m venv /opt/everspark && /opt/everspark/bin/pip install --no-cache-dir --require-hashes -r requirements.txt
COPY . .
RUN pip install --no-cache-dir build \
    && python -m build --wheel \
    && /opt/everspark/bin/pip install --no-cache-dir --no-deps dist/*.whl

FROM python:3.13-slim
RUN useradd --system --uid 10001 --create-home --home-dir /var/lib/everspark everspark
COPY --from=build /opt/everspark /opt/everspark
ENV PATH=/opt/everspark/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    EVERSPARK_DATA_DIR=/var/lib/everspark \
    EVERSPARK_HOST=0.0.0.0 \
    EVERSPARK_LOG_FORMAT=json
USER everspark
WORKDIR /var/lib/everspark
VOLUME /var/lib/everspark
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8080/healthz', timeout=4)"]
ENTRYPOINT ["everspark"]
CMD ["up"]
