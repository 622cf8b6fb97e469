from data.findings import Finding, once


def test_what_two_splits_of_one_file_say_alike_is_said_once():
    heard: list[Finding] = []
    report = once(heard.append)
    first, second = (Finding("note", "category id 0", "a.json", found, "nothing to fix") for found in ("x", "y"))
    for finding in (first, second, first):
        report(finding)
    assert heard == [first, second]
