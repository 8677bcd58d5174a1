#!/bin/sh
# Makes our namespace unless it is there, and ends when it can be used. Search attributes are the migrations' part.
# Where, which, and how long it keeps what has ended: TEMPORAL_ADDRESS, TEMPORAL_NAMESPACE, RETENTION.
set -eu

tries=0
until temporal operator cluster health; do
    tries=$((tries + 1))
    if [ "$tries" -ge 30 ]; then
        echo "Temporal at $TEMPORAL_ADDRESS is not healthy after $tries tries; see the logs of the service temporal" >&2
        exit 1
    fi
    sleep 2
done

found() { temporal operator namespace describe --namespace "$TEMPORAL_NAMESPACE" >/dev/null 2>&1; }

if ! found; then
    # Named outright: `create` does not take it from the environment as the other commands do.
    temporal operator namespace create --namespace "$TEMPORAL_NAMESPACE" --retention "$RETENTION"
    # The server's own list of namespaces is refreshed every few seconds.
    until found; do sleep 1; done
fi
