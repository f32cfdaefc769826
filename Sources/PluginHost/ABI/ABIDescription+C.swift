extension ABIDescription {
    /// The table of this ABI as C declares it: what `berth abi header` prints.
    public var header: String {
        let prefix = name == "compute" ? "berth" : name
        var lines = [
            "/* \(title): printed by `berth abi header \(title)` from the section [abi \(title)]. */", "#include <berth/driver.h>", "",
        ]
        let upper = prefix.uppercased() + "_ABI"
        if name != "compute" {
            lines += ["#define \(upper)_MAJOR \(revision)u", "#define \(upper)_MINOR \(minor)u"]
            lines += ["#define \(upper)_HASH UINT64_C(0x\(hashText))", ""]
            lines += opaqueTypes.map { "typedef struct \($0) \($0)_t;" }
            lines += ["typedef struct \(prefix)_ops {", "   uint32_t size;"]
            lines += calls.map { "   \($0.pointerDeclaration);" }
            lines += ["} \(prefix)_ops_t;"]
        } else {
            lines += ["/* The hash of the section: BERTH_ABI_HASH is UINT64_C(0x\(hashText)). The members of berth_ops_t after size: */"]
            lines += calls.map { "\($0.pointerDeclaration);" }
        }
        return lines.joined(separator: "\n") + "\n"
    }

    /// The opaque structs that the signatures name and driver.h does not.
    private var opaqueTypes: [String] {
        let known = ["berth_host", "berth_call", "berth_driver"]
        var names: [String] = []
        for parameter in calls.flatMap(\.parameters) {
            guard let name = parameter.structName, !known.contains(name), !names.contains(name) else { continue }
            names.append(name)
        }
        return names
    }
}

extension ABICall {
    /// `berth_status_t (*health)(berth_driver_t *driver, const berth_call_t *call)`
    public var pointerDeclaration: String { "\(result.cResult)(*\(name))(\(cParameters))" }

    /// `berth_status_t (*)(berth_driver_t *, const berth_call_t *)`: the type alone.
    public var pointerType: String {
        let types = parameters.flatMap { $0.cDeclarations.map(\.type) }
        return "\(result.cResult)(*)(\(types.isEmpty ? "void" : types.joined(separator: ", ")))"
    }

    private var cParameters: String {
        let declarations = parameters.flatMap(\.cDeclarations).map { declaration in
            declaration.name.isEmpty || declaration.type.hasSuffix("*")
                ? declaration.type + declaration.name : "\(declaration.type) \(declaration.name)"
        }
        return declarations.isEmpty ? "void" : declarations.joined(separator: ", ")
    }
}

extension ABITypeName {
    /// With the space that stands before a function's name, if any.
    fileprivate var cResult: String {
        let name = self.name == "status" && type == .i32 ? "berth_status_t" : type.cName
        return name.hasSuffix("*") ? name : name + " "
    }
}

extension ABICall.Parameter {
    /// `berth_driver` for `handle driver`: the struct that an opaque pointer points to.
    fileprivate var structName: String? {
        guard let name, type.type == .ptr, type.name == "handle" || type.name == "ptr" else { return nil }
        return "berth_\(name)"
    }

    /// What the parameter becomes in C: one declaration, or two for `bytes`.
    fileprivate var cDeclarations: [(type: String, name: String)] {
        let name = name ?? ""
        let star = direction == .in ? "" : "*"
        switch type.type {
        case .bytes:
            return [("const void *", name), ("size_t", name.isEmpty ? "" : name + "_size")]
        case .ptr:
            guard let structName else { return [("void *" + star, name)] }
            return [(type.name == "handle" ? "\(structName)_t *\(star)" : "const \(structName)_t *\(star)", name)]
        default:
            let base = type.name == "status" && type.type == .i32 ? "berth_status_t" : type.type.cName
            return [(star.isEmpty ? base : base.hasSuffix("*") ? base + star : "\(base) \(star)", name)]
        }
    }
}
