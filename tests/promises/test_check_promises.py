#!/usr/bin/env python3
"""check_promises.py finds what is missing."""
import unittest

from check_promises import check, promises_of

PAGE = """
| promise | what it says |
|---|---|
| P1 | results reach the awaiter | more |
| P2 | not yet: comes later |
| P11 | never runs |
"""


class CheckPromises(unittest.TestCase):
    def test_reads_the_page(self):
        self.assertEqual(promises_of(PAGE), {"P1": "results reach the awaiter",
                                             "P2": "not yet: comes later", "P11": "never runs"})

    def test_all_there(self):
        lines, wrong = check(promises_of(PAGE), ["a [P1]", "b [P11]", "c [P11] [P1]", "d"])
        self.assertEqual(wrong, [])
        self.assertIn("      c [P11] [P1]", lines)

    def test_one_without_a_test(self):
        _, wrong = check(promises_of(PAGE), ["b [P11]"])
        self.assertEqual(wrong, ["P1: no test has [P1] in its name"])

    def test_p1_is_not_p11(self):
        _, wrong = check(promises_of(PAGE), ["b [P11]", "c P1"])
        self.assertEqual(len(wrong), 1)

    def test_a_number_that_the_page_does_not_have(self):
        _, wrong = check(promises_of(PAGE), ["a [P1]", "b [P11]", "c [P99]"])
        self.assertEqual(len(wrong), 1)
        self.assertIn("P99", wrong[0])


if __name__ == "__main__":
    unittest.main()
