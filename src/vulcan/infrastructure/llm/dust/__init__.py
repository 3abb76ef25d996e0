"""Dust (dust.tt) as a model service: one model request is one message to an agent of a workspace."""
