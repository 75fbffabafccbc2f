"""Tools of agent frameworks, checked before they run: one module for each framework.

>>> from interlock.adapters.langchain import guard_tools

Each module needs its framework, which is imported with it: a missing one, or a version that the
adapter was not tested with, is an ``ImportError`` that says what to install.
"""
