"""A test that was skipped, or was expected to fail, has not passed: the run fails."""


def pytest_terminal_summary(terminalreporter):
    for kind in ("skipped", "xfailed", "xpassed"):
        for report in terminalreporter.stats.get(kind, []):
            terminalreporter.write_line(f"NOT RUN AS A TEST ({kind}): {report.nodeid}")


def pytest_sessionfinish(session, exitstatus):
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is None:  # one of several processes: the first one sums up
        return
    idle = sum(len(reporter.stats.get(kind, [])) for kind in ("skipped", "xfailed", "xpassed"))
    if idle and exitstatus == 0:
        session.exitstatus = 1
