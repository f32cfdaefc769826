import Foundation
import JSON
import Model
import TestSupport
import Testing

@testable import PluginHost

/// An ABI that no line of the host knows: it stands in this file's configuration alone.
@Suite("an ABI that only a configuration declares")
struct GreeterTests {
    static let section = """
        [abi greeter/1]
        type status = i32
        type handle = ptr
        call open    = status (ptr host, out handle greeter)
        call greet   = status (handle greeter, ptr call, cstring name)
        call measure = bool (cstring text, out usize length, out cstring rest, inout f64 factor, i8 small, u16 port, f32 ratio, bytes data, out u64 sum)
        """

    static let source = """
        #include <berth/driver.h>
        #include <string.h>
        typedef struct berth_greeter { int greeted; } berth_greeter_t;
        static berth_greeter_t greeter;
        berth_status_t g_open(const berth_host_t *host, berth_greeter_t **out) {
           if (strcmp(host->name, "berth")) return BERTH_BROKEN;
           greeter.greeted = 0;
           *out = &greeter;
           return BERTH_OK;
        }
        berth_status_t g_greet(berth_greeter_t *g, const berth_call_t *call, const char *name) {
           if (!g) return call->fail(call, BERTH_CONFLICT, "not open", NULL);
           if (!*name) return call->fail(call, BERTH_INVALID, "nobody to greet", "empty");
           g->greeted++;
           call->write(call, "hello ", 6);
           call->write(call, name, strlen(name));
           return BERTH_OK;
        }
        bool g_measure(const char *text, size_t *length, const char **rest, double *factor, int8_t small, uint16_t port, float ratio,
                       const void *data, size_t data_size, uint64_t *sum) {
           *length = strlen(text);
           *rest = *text ? text + 1 : NULL;
           *factor = *factor * ratio + small;
           *sum = port;
           for (size_t i = 0; i < data_size; i++) *sum += ((const unsigned char *)data)[i];
           return *length > 2;
        }
        #ifdef TABLE
        typedef struct { uint32_t size; void *calls[3]; } table_t;
        static const table_t table = {sizeof table, {(void *)g_open, (void *)g_greet, (void *)g_measure}};
        static const char *const none[] = {NULL};
        static const berth_plugin_t plugin = {sizeof plugin, 1, 0, "greeter", "Greeter", "2.1", "", "", "", none, "", (const berth_ops_t *)&table};
        BERTH_DRIVER_NOTE_FOR("greeter", 1, 0, HASH, "greeter", "2.1")
        const berth_plugin_t *berth_driver_entry(uint32_t major, uint32_t minor) { (void)minor; return major == 1 ? &plugin : NULL; }
        #endif
        """

    /// Both styles of the same functions.
    static func library(_ style: PluginSection.Style, in directory: TemporaryDirectory) throws -> DriverLibrary {
        let hash = try #require(try read(section).abi("greeter/1")).hash
        let module = try build(source, style == .table ? ["-DTABLE", "-DHASH=\(hash)ull"] : [], in: directory)
        let symbols = style == .table ? "" : "\nstyle = flat\nsymbol.open = g_open\nsymbol.greet = g_greet\nsymbol.measure = g_measure"
        return try load(module, plugin: "abi = greeter/1" + symbols, rest: section)
    }

    @Test("is loaded and called, with a table and flat", arguments: PluginSection.Style.allCases)
    func called(style: PluginSection.Style) throws {
        let directory = try TemporaryDirectory("greeter")
        let session = DriverSession(try Self.library(style, in: directory), listener: .deaf)
        #expect(session.call("greet", [.string("x")], control()).status == .conflict, "there is no handle before open")
        #expect(session.open([:], control()).status == .ok)
        let greeting = session.call("greet", [.string("wörld")], control())
        #expect(greeting.status == .ok && String(decoding: greeting.document, as: UTF8.self) == "hello wörld" && greeting.value == nil)
        let refused = session.call("greet", [.string("")], control())
        #expect(refused.status == .invalid && refused.message == "nobody to greet" && refused.native == "empty")
        session.close()
    }

    @Test("scalars of every width, texts and documents go in, scalars and texts come out", arguments: PluginSection.Style.allCases)
    func values(style: PluginSection.Style) throws {
        let directory = try TemporaryDirectory("greeter")
        let session = DriverSession(try Self.library(style, in: directory), listener: .deaf)
        let outcome = session.call(
            "measure", [.string("abc"), .double(2), .int(-3), .uint(65_535), .double(1.5), .bytes([1, 2, 3])], control())
        #expect(outcome.status == .ok && outcome.value == .bool(true))
        #expect(outcome.outputs == [.uint(3), .string("bc"), .double(0), .uint(65_541)])
        let empty = session.call("measure", [.string(""), .int(2), .int(127), .int(0), .double(0), .bytes([])], control())
        #expect(empty.value == .bool(false) && empty.outputs == [.uint(0), .void, .double(127), .uint(0)])
    }

    @Test(
        "a value that does not fit its type is refused by name",
        arguments: [
            (2, CallArgument.int(128), "small is not i8"), (3, .int(-1), "port is not u16"), (3, .double(1), "port is not u16"),
            (0, .string("a\0"), "text is not cstring"), (5, .int(1), "data is not bytes"),
        ])
    func misfits(index: Int, value: CallArgument, problem: String) throws {
        let directory = try TemporaryDirectory("greeter")
        let session = DriverSession(try Self.library(.flat, in: directory), listener: .deaf)
        var arguments: [CallArgument] = [.string("abc"), .double(2), .int(-3), .uint(80), .double(1.5), .bytes([1])]
        arguments[index] = value
        let outcome = session.call("measure", arguments, control())
        #expect(outcome.status == .invalid && outcome.message == "measure: \(problem)")
    }

    @Test("a driver for another ABI is not taken for one of this")
    func otherABI() throws {
        let inspection = try inspect(try Zoo.good.build(), plugin: "abi = greeter/1", rest: Self.section)
        #expect(
            inspection.state == .incompatible && inspection.reason?.hasPrefix("it speaks compute/1, the section says greeter/1") == true)
    }
}
