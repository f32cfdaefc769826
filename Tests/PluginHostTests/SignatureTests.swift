import Testing

@testable import PluginHost

@Suite("the signature grammar")
struct SignatureTests {
    static let aliases = [ABIDescription.Alias(name: "handle", type: .ptr), ABIDescription.Alias(name: "status", type: .i32)]

    @Test(
        "what is written comes back in canonical form",
        arguments: [
            ("status (handle driver, ptr call)", "status (handle driver, ptr call)"), ("void()", "void ()"),
            ("  i32  (  in u8   a ,out   f64 b,inout i64)", "i32 (u8 a, out f64 b, inout i64)"),
            ("cstring (out cstring text)", "cstring (out cstring text)"),
            ("usize (bytes, isize, bool flag)", "usize (bytes, isize, bool flag)"),
        ])
    func canonical(text: String, canonical: String) throws {
        #expect(try SignatureParser.call("c", text, aliases: Self.aliases).signature == canonical)
    }

    @Test(
        "what is refused has its reason",
        arguments: [
            ("i32 (cstring, ...)", "variadic calls are refused: the types of the rest are not known"),
            ("i32 (struct point p)", "a struct by value is refused: its layout is not declared"),
            ("i32 (void (*done)(int))", "callbacks are refused: libffi would have to make code at run time"),
            ("i32 (u8 *data)", "pointers in the manner of C are refused"), ("i32 *(u8 data)", "pointers in the manner of C are refused"),
            ("int (u8 a)", "the size of 'int' is not the same everywhere"),
            ("i32 (long a)", "the size of 'long' is not the same everywhere"),
            ("i32 (char a)", "the size of 'char' is not the same everywhere"), ("i32 (uint32_t a)", "there is no type 'uint32_t'"),
            ("i32 (statsu a)", "there is no type 'statsu'"), ("bytes ()", "a call cannot return bytes: nothing says how many"),
            ("i32 (out bytes b)", "out bytes is refused: nothing says how many, or who frees them"),
            ("i32 (inout bytes b)", "inout bytes is refused: nothing says how many, or who frees them"),
            ("i32 (inout cstring s)", "inout cstring is refused: nothing says who frees which"), ("i32 (void)", "void is no argument"),
            ("i32 (void a)", "void is no type of an argument"), ("i32 (u8 a, u8 a)", "two arguments are called 'a'"),
            ("i32 (u8 a", "the closing parenthesis is missing"), ("i32 (u8 a) x", "'x' after the closing parenthesis"),
            ("i32", "'(' should follow the type"),
            ("", "the signature ends where a type should be"), ("i32 (u8 a b)", "'b' where a comma or the closing parenthesis should be"),
            ("i32 (u8 a; u8 b)", "';' has no place in a signature"), ("i32 (const u8 a)", "const says nothing here"),
            ("i32 (" + Array(repeating: "u8", count: 13).joined(separator: ", ") + ")", "13 arguments; at most 12 are allowed"),
        ])
    func refused(text: String, reason: String) {
        let error = #expect(throws: DeclarationError.self) { try SignatureParser.call("c", text, aliases: Self.aliases) }
        #expect(error?.message == reason)
    }

    @Test("twelve arguments are allowed")
    func twelve() throws {
        let text = "i32 (" + Array(repeating: "u8", count: 12).joined(separator: ", ") + ")"
        #expect(try SignatureParser.call("c", text, aliases: []).parameters.count == 12)
    }

    @Test("an alias stands for one built-in type", arguments: ["bytes", "void", "handle", "int", "struct x"])
    func aliases(type: String) {
        #expect(throws: DeclarationError.self) { try SignatureParser.alias("mine", type, known: Self.aliases) }
    }

    @Test("names of calls and types are plain", arguments: ["Open", "1st", "a-b", "", "a.b"])
    func names(name: String) {
        #expect(throws: DeclarationError.self) { try SignatureParser.call(name, "void ()", aliases: []) }
        #expect(throws: DeclarationError.self) { try SignatureParser.alias(name, "i32", known: []) }
    }
}
