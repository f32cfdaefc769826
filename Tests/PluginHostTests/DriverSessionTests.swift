import Foundation
import JSON
import Model
import PluginABI
import Synchronization
import TestSupport
import Testing

@testable import PluginHost

@Suite("one open driver")
struct DriverSessionTests {
    static func open(_ zoo: Zoo, _ settings: JSON = [:], listener: DriverListener = .deaf) throws -> DriverSession {
        let session = DriverSession(try load(try zoo.build()), listener: listener)
        let outcome = session.open(settings, control())
        #expect(outcome.status == .ok, "\(outcome)")
        return session
    }

    static func lines(_ outcome: CallOutcome) throws -> [JSON] {
        try outcome.document.split(separator: UInt8(ascii: "\n")).map { try JSON(parsing: $0) }
    }

    @Test("machines are listed, made, found again by key, changed and destroyed")
    func life() throws {
        let session = try Self.open(.good, ["machines": 2])
        defer { session.close() }
        #expect(try Self.lines(session.call("list", [], control())).count == 2)
        let key = "0d1b9e3c-4f5a-8b6c-9d7e-8f9a0b1c2d3e"
        let made = session.call("create", [.string(key), .string(#"{"name":"web","cpus":1,"memory_mib":64}"#)], control())
        let machine = try JSON(parsing: made.document)
        #expect(made.status == .ok && machine["key"]?.string == key)
        #expect(
            session.call("create", [.string(key), .string("{}")], control()).document == made.document, "the same key, the same machine")
        let id = try #require(machine["id"]?.string)
        #expect(session.call("action", [.string(id), .string("stop"), .string("{}")], control()).status == .ok)
        #expect(session.call("action", [.string(id), .string("destroy"), .string("{}")], control()).status == .ok)
        let gone = session.call("inspect", [.string(id)], control())
        #expect(gone.status == .notFound && gone.message?.isEmpty == false && gone.document.isEmpty)
        #expect(gone.error?.code == .notFound)
    }

    @Test("what the driver does not list is not called")
    func capabilities() throws {
        let session = try Self.open(.good)
        defer { session.close() }
        let outcome = session.call("action", [.string("1"), .string("migrate"), .bytes([])], control())
        #expect(
            outcome.status == .unsupported && outcome.message == "the driver does not list 'migrate' among its capabilities"
                && outcome.nanoseconds == 0)
        #expect(session.call("action", [.string("1"), .string("x.y"), .bytes([])], control(), ignoringCapabilities: true).nanoseconds > 0)
    }

    @Test("wrong arguments never reach the driver")
    func arguments() throws {
        let session = try Self.open(.good)
        defer { session.close() }
        #expect(session.call("inspect", [], control()).message == "inspect takes 1 argument, not 0")
        #expect(session.call("inspect", [.int(1)], control()).message == "inspect: id is not cstring")
        #expect(session.call("inspect", [.string("a\0b")], control()).status == .invalid)
        #expect(session.call("list", [.int(1)], control()).message == "list takes 0 arguments, not 1")
    }

    @Test("a failed open leaves nothing to close, and says what the driver said")
    func failedOpen() throws {
        let session = DriverSession(try load(try Zoo.failsOpen.build()), listener: .deaf)
        let outcome = session.open([:], control())
        #expect(
            outcome.status == .unreachable && outcome.message == "the provider does not answer"
                && outcome.native == "connect: Connection refused")
        session.close()
    }

    @Test("a status that the ABI does not know counts as broken")
    func unknownStatus() throws {
        let session = try Self.open(.unknownStatus)
        defer { session.close() }
        let outcome = session.call("health", [], control())
        #expect(outcome.status == .broken && outcome.message == "the driver returned the unknown status -77")
    }

    @Test("a document of more than 64 MiB is broken, and none of it is kept")
    func tooLarge() throws {
        let session = try Self.open(.result100MB)
        defer { session.close() }
        let outcome = session.call("list", [], control())
        #expect(outcome.status == .broken && outcome.document.isEmpty && outcome.message == "the driver's document has more than 64 MiB")
    }

    @Test("a driver that goes on writing after its call returned hurts nobody")
    func lateWriter() async throws {
        let session = try Self.open(.writesAfterReturn)
        let first = session.call("list", [], control())
        #expect(first.status == .ok)
        let end = ContinuousClock.now.advanced(by: .milliseconds(300))
        while ContinuousClock.now < end {
            let outcome = session.call("capacity", [], control())
            #expect(outcome.status == .ok && !String(decoding: outcome.document, as: UTF8.self).contains("late"))
            await Task.yield()
        }
        session.close()
    }

    @Test("a finished call takes nothing more and says that nobody waits")
    func tombstone() throws {
        let calls = Mutex(0)
        let context = CallContext.begin(control { _, _ in calls.withLock { $0 += 1 } })
        let call = UnsafePointer(context.pointer)
        #expect(call.pointee.write(call, "abc", 3) && !call.pointee.cancelled(call))
        call.pointee.progress(call, .nan, nil)
        #expect(context.end().document == Array("abc".utf8) && calls.withLock { $0 } == 1)
        #expect(!call.pointee.write(call, "abc", 3) && call.pointee.cancelled(call))
        call.pointee.progress(call, 0.5, "late")
        #expect(call.pointee.fail(call, -3, "late", nil) == -3)
        #expect(calls.withLock { $0 } == 1)
        let next = CallContext.begin(control())
        #expect(next.pointer != context.pointer, "a tombstone is not used again at once")
        #expect(next.end().message == nil)
    }

    @Test("cancellation and a passed deadline reach the driver")
    func cancellation() throws {
        let cancelled = control()
        let context = CallContext.begin(cancelled)
        let call = UnsafePointer(context.pointer)
        #expect(!call.pointee.cancelled(call))
        cancelled.cancel()
        #expect(call.pointee.cancelled(call))
        _ = context.end()
        let late = CallContext.begin(CallControl(id: 1, deadline: 0))
        #expect(late.pointer.pointee.cancelled(late.pointer))
        _ = late.end()
    }

    @Test("events and log lines arrive until close returns, and never later")
    func events() throws {
        let events = Mutex<[DriverEvent]>([])
        let lines = Mutex<[String]>([])
        let host = HostContext(
            DriverListener(
                event: { event in
                    events.withLock {
                        $0.append(event); return $0.count < 2
                    }
                }, log: { level, line in lines.withLock { $0.append("\(level) \(line)") } }),
            version: "1", major: 1, minor: 0)
        let pointer = UnsafePointer(host.pointer)
        var event = berth_event_t(
            size: UInt32(MemoryLayout<berth_event_t>.size), kind: 1, time_ms: 5, subject: nil, data: nil, data_size: 0)
        let accepted = "m-1".withCString { subject in
            event.subject = subject
            return pointer.pointee.emit(pointer, &event)
        }
        event.subject = nil
        #expect(accepted && !pointer.pointee.emit(pointer, &event), "the listener's word comes back")
        event.kind = 99
        #expect(pointer.pointee.emit(pointer, &event), "a kind of a later minor is passed over")
        event.kind = 4
        event.data_size = .max
        #expect(!pointer.pointee.emit(pointer, &event) && !pointer.pointee.emit(pointer, nil))
        pointer.pointee.log(pointer, 6, "hello")
        host.close()
        event.data_size = 0
        #expect(!pointer.pointee.emit(pointer, &event))
        pointer.pointee.log(pointer, 6, "late")
        #expect(events.withLock { $0.map(\.subject) } == ["m-1", ""])
        #expect(lines.withLock { $0.last } == "6 hello")
    }

    @Test("an event shorter than the host knows reads as zero behind its end")
    func shortEvent() throws {
        let events = Mutex<[DriverEvent]>([])
        let host = HostContext(
            DriverListener(
                event: { event in
                    events.withLock { $0.append(event) }; return true
                }, log: { _, _ in }), version: "1", major: 1, minor: 0)
        var event = berth_event_t(
            size: 16, kind: 4, time_ms: 7, subject: UnsafePointer(bitPattern: 1), data: UnsafeRawPointer(bitPattern: 1), data_size: 1 << 40)
        #expect(host.pointer.pointee.emit(host.pointer, &event))
        #expect(events.withLock { $0 } == [DriverEvent(kind: .resync, time: 7, subject: "", data: [])])
    }

    @Test("a thousand calls from several threads each get their own document")
    func reentrant() async throws {
        let session = try Self.open(.reentrant, ["machines": 3])
        await withTaskGroup(of: Int.self) { group in
            for _ in 0..<4 {
                group.addTask { (0..<250).count { _ in (try? Self.lines(session.call("list", [], control())).count) == 3 } }
            }
            var right = 0
            for await count in group { right += count }
            #expect(right == 1000)
        }
        session.close()
    }
}
