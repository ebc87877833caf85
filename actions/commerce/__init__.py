"""The shop's orders behind one interface, `base.Commerce`; `registry` chooses the backend."""
