"""Tests of routing: pure, so all of them run in the fast lane."""
