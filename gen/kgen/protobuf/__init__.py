"""Protobuf while code is generated: .proto files as text become declarations, by protoc.

    import_names     what an import may be called, and which files every registry has built in
    protoc           runs protoc, in a process of its own (`protoc_worker`), and says what it found wrong
    proto_features   what syntax and editions say of presence, enums and encodings
    declared_files   what files declare: the tree of `kgen_runtime.codec.protobuf.schema`, docs, tags
    descriptor_walk  protoc's descriptor set as that; imports what the extra brings
    proto_model      that as the model of classes has it: also members of oneofs, which have classes
    proto_parser     a file's text as that model
    proto_tokens     what is known of a file's text without protoc: its imports, its layout

`builtin/` holds the files of `confluent/` that registries have built in. The extra `protobuf` has protoc.
"""
