"""Tests of berth.py against a running host. The suite (PythonClientTests) starts the host and runs this file; by hand:

    BERTH_TEST_HOST=ipc:///run/berth/bus python3 test_berth.py
"""

import asyncio
import os
import time
import unittest

import berth

HOST = os.environ.get("BERTH_TEST_HOST", "")
# A host over TCP, with a key that it knows and one that it does not; and a socket where nobody listens.
TCP = os.environ.get("BERTH_TEST_TCP", "")
KEY = os.environ.get("BERTH_TEST_KEY", "")
STRANGER = os.environ.get("BERTH_TEST_STRANGER", "")


class ClientTests(unittest.TestCase):
    def setUp(self) -> None:
        self.host = berth.Client(HOST)
        self.addCleanup(self.host.close)

    def test_a_request_is_answered_with_its_body(self) -> None:
        self.assertEqual(self.host.request("host.ping", {"text": "größer", "n": [1, 2.5, None]}), {"text": "größer", "n": [1, 2.5, None]})
        self.assertEqual(self.host.request("host.ping"), {})

    def test_a_thousand_requests_are_under_way_at_once_and_each_gets_its_own_answer(self) -> None:
        asked = [self.host.submit("host.ping", {"n": number}) for number in range(1000)]
        self.assertEqual([one.result()["n"] for one in reversed(asked)], list(range(999, -1, -1)))

    def test_an_error_has_its_class_words_and_field(self) -> None:
        with self.assertRaises(berth.BerthError) as caught:
            self.host.request("host.no-such-verb")
        self.assertEqual(caught.exception.code, "unsupported")
        self.assertIn("host.ping", caught.exception.hint)
        with self.assertRaises(berth.BerthError) as caught:
            self.host.request("events.since", {"colour": "red"})
        self.assertEqual((caught.exception.code, caught.exception.field), ("invalid", "colour"))
        self.assertFalse(caught.exception.may_ask_again)

    def test_a_deadline_is_kept_by_the_host(self) -> None:
        with self.assertRaises(berth.BerthError) as caught:
            self.host.request("events.since", {"after": 1 << 40, "topics": ["none."], "wait_ms": 30000}, deadline=0.2)
        self.assertEqual(caught.exception.code, "deadline")

    def test_a_request_can_be_taken_back(self) -> None:
        asked = self.host.submit("events.since", {"after": 1 << 40, "topics": ["none."], "wait_ms": 30000}, deadline=60)
        asked.cancel()
        with self.assertRaises(berth.BerthError) as caught:
            asked.result()
        self.assertEqual(caught.exception.code, "cancelled")

    def test_what_cannot_stand_in_a_header_is_refused_before_it_is_sent(self) -> None:
        for key in ("two words", "new\nline", "größer"):
            with self.assertRaises(berth.BerthError) as caught:
                self.host.request("host.ping", key=key)
            self.assertEqual(caught.exception.code, "invalid")

    def test_where_nobody_listens_a_request_is_unreachable(self) -> None:
        with berth.Client(HOST + "-nobody") as nobody, self.assertRaises(berth.BerthError) as caught:
            nobody.request("host.ping")
        self.assertEqual(caught.exception.code, "unreachable")
        self.assertIn("berth serve", str(caught.exception))

    def test_lists_are_there(self) -> None:
        self.assertIsInstance(self.host.request("plugin.list")["plugins"], list)
        self.assertEqual(self.host.request("host.info")["protocol"], "BERTH/1")


@unittest.skipUnless(TCP, "no host over TCP")
class CurveTests(unittest.TestCase):
    def test_a_key_is_an_account(self) -> None:
        with berth.Client(TCP, key_file=KEY) as host:
            self.assertTrue(host.request("host.info")["account"]["owner"].startswith("key:"))

    def test_a_key_that_the_host_does_not_know_is_answered_nothing(self) -> None:
        with berth.Client(TCP, key_file=STRANGER) as host, self.assertRaises(berth.BerthError) as caught:
            host.request("host.ping", deadline=1)
        self.assertIn(caught.exception.code, ("unreachable", "deadline"))

    def test_without_a_key_there_is_no_way(self) -> None:
        with self.assertRaises(berth.BerthError) as caught:
            berth.Client(TCP)
        self.assertIn("berth keys new", caught.exception.hint)


class AsyncClientTests(unittest.IsolatedAsyncioTestCase):
    async def test_a_thousand_tasks_share_one_connection(self) -> None:
        async with berth.AsyncClient(HOST) as host:
            answers = await asyncio.gather(*(host.request("host.ping", {"n": number}) for number in range(1000)))
        self.assertEqual([answer["n"] for answer in answers], list(range(1000)))

    async def test_errors_and_deadlines(self) -> None:
        async with berth.AsyncClient(HOST) as host:
            with self.assertRaises(berth.BerthError) as caught:
                await host.request("host.no-such-verb")
            self.assertEqual(caught.exception.code, "unsupported")
            with self.assertRaises(berth.BerthError) as caught:
                await host.request("events.since", {"after": 1 << 40, "wait_ms": 30000}, deadline=0.2)
            self.assertEqual(caught.exception.code, "deadline")

    async def test_a_cancelled_task_takes_its_request_back(self) -> None:
        async with berth.AsyncClient(HOST) as host:
            before = (await host.request("host.metrics"))["in_flight"]
            task = asyncio.ensure_future(host.request("events.since", {"after": 1 << 40, "topics": ["none."], "wait_ms": 60000}, deadline=60))
            await self.until(host, lambda flying: flying > before)
            task.cancel()
            with self.assertRaises(asyncio.CancelledError):
                await task
            await self.until(host, lambda flying: flying <= before)

    async def until(self, host: berth.AsyncClient, holds) -> None:
        end = time.monotonic() + 30
        while not holds((await host.request("host.metrics"))["in_flight"]):
            self.assertLess(time.monotonic(), end)
            await asyncio.sleep(0.01)

    async def test_where_nobody_listens_a_request_is_unreachable(self) -> None:
        async with berth.AsyncClient(HOST + "-nobody") as nobody:
            with self.assertRaises(berth.BerthError) as caught:
                await nobody.request("host.ping")
        self.assertEqual(caught.exception.code, "unreachable")


if __name__ == "__main__":
    unittest.main()
